package io.synckit;

import org.jspecify.annotations.Nullable;

/** A migration could not lock the events table in time, because another session uses it. The blocked script has changed nothing. */
public class SchemaLockedException extends EventStoreException {

    private static final long serialVersionUID = 1;

    public SchemaLockedException(String message, @Nullable Throwable cause) {
        super(message, cause);
    }
}
