package io.synckit;

import org.jspecify.annotations.Nullable;

/** The database cannot be reached or used, or has ended the session. */
public class InvalidConnectionException extends EventStoreException {

    private static final long serialVersionUID = 1;

    private final Reason reason;

    /** The kinds of the failure. */
    public enum Reason {
        /** The database cannot be reached, has refused the credentials, or has ended the session. */
        UNAVAILABLE,
        /** The role lacks a privilege that the store needs. */
        MISSING_PRIVILEGE,
        /** The database is not PostgreSQL, it is too old, its encoding is not UTF8, or it is a standby. */
        UNSUPPORTED_DATABASE,
        /** A connection pooler in transaction mode is between the listener and the server. It does not deliver notifications. */
        TRANSACTION_POOLER
    }

    /** With the reason {@link Reason#UNAVAILABLE}. */
    public InvalidConnectionException(String message) {
        this(Reason.UNAVAILABLE, message, null);
    }

    public InvalidConnectionException(Reason reason, String message) {
        this(reason, message, null);
    }

    public InvalidConnectionException(Reason reason, String message, @Nullable Throwable cause) {
        super(message, cause);
        this.reason = reason;
    }

    /** Returns the kind of the failure. */
    public Reason reason() {
        return reason;
    }
}
