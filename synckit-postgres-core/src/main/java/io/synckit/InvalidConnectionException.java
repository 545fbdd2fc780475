package io.synckit;

import org.jspecify.annotations.Nullable;

/** The database cannot be reached or used, or has ended the session. */
public class InvalidConnectionException extends EventStoreException {

    private static final long serialVersionUID = 1;

    public InvalidConnectionException(String message) {
        this(message, null);
    }

    public InvalidConnectionException(String message, @Nullable Throwable cause) {
        super(message, cause);
    }
}
