package io.synckit;

import org.jspecify.annotations.Nullable;

/** The event cannot be stored. It was not sent to the database, and nothing of the call is stored. */
public class InvalidEventException extends EventStoreException {

    private static final long serialVersionUID = 1;

    public InvalidEventException(String message) {
        this(message, null);
    }

    public InvalidEventException(String message, @Nullable Throwable cause) {
        super(message, cause);
    }
}
