package io.synckit;

import org.jspecify.annotations.Nullable;

/** The events table is missing, or its schema does not fit this version of the library. */
public class SchemaMismatchException extends EventStoreException {

    private static final long serialVersionUID = 1;

    public SchemaMismatchException(String message) {
        this(message, null);
    }

    public SchemaMismatchException(String message, @Nullable Throwable cause) {
        super(message, cause);
    }
}
