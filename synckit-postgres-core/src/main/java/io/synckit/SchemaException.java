package io.synckit;

import org.jspecify.annotations.Nullable;

/** The events table cannot be used or migrated. The message names the remedy. */
public class SchemaException extends EventStoreException {

    private static final long serialVersionUID = 1;

    private final Reason reason;

    /** The kinds of the failure. */
    public enum Reason {
        /** The table is missing, or its schema does not fit this version of the library. */
        MISMATCH,
        /** A newer version of the library has migrated the schema. */
        NEWER,
        /** A migration could not lock the table in time, because another session uses it. The blocked script has changed nothing. */
        LOCKED
    }

    public SchemaException(Reason reason, String message) {
        this(reason, message, null);
    }

    public SchemaException(Reason reason, String message, @Nullable Throwable cause) {
        super(message, cause);
        this.reason = reason;
    }

    /** Returns the kind of the failure. */
    public Reason reason() {
        return reason;
    }
}
