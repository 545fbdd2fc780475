package io.synckit.sample;

import io.synckit.InvalidEventException;
import io.synckit.InvalidFilterException;
import io.synckit.InvalidVersionException;
import io.synckit.sample.orders.OutOfStockException;
import org.springframework.http.HttpStatus;
import org.springframework.http.ProblemDetail;
import org.springframework.web.bind.annotation.ExceptionHandler;
import org.springframework.web.bind.annotation.RestControllerAdvice;

/** Maps errors to problem details (RFC 9457). */
@RestControllerAdvice
class ProblemDetails {

    @ExceptionHandler({InvalidVersionException.class, InvalidFilterException.class, InvalidEventException.class})
    ProblemDetail badRequest(RuntimeException e) {
        return ProblemDetail.forStatusAndDetail(HttpStatus.BAD_REQUEST, e.getMessage());
    }

    @ExceptionHandler(OutOfStockException.class)
    ProblemDetail conflict(OutOfStockException e) {
        return ProblemDetail.forStatusAndDetail(HttpStatus.CONFLICT, e.getMessage());
    }
}
