package io.synckit;

import org.jspecify.annotations.Nullable;

/** The filter cannot match anything, or its value cannot be written as JSON. */
public class InvalidFilterException extends EventStoreException {

    private static final long serialVersionUID = 1;

    public InvalidFilterException(String message) {
        this(message, null);
    }

    public InvalidFilterException(String message, @Nullable Throwable cause) {
        super(message, cause);
    }
}
