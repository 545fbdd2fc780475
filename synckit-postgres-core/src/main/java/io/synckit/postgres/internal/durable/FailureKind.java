package io.synckit.postgres.internal.durable;

import io.synckit.postgres.internal.runtime.SafeLog;
import java.sql.SQLException;
import java.sql.SQLTransientConnectionException;

/** What a failure of a handler call says about the event. */
enum FailureKind {

    /** The event could not be handled. Counts as an attempt. */
    EVENT,

    /** A deadlock or serialization failure: the same call may succeed at once. */
    CONFLICT,

    /** A database could not be used. Says nothing about the event. */
    DATABASE,

    /** The claim is not valid any more. See {@link OwnershipLostException}. */
    OWNERSHIP;

    private static final int MAX_DEPTH = 50;

    /**
     * Returns the kind of a failure.
     *
     * @param called whether the handler was called. A failure before says nothing about the event
     */
    static FailureKind of(Throwable failure, boolean called) {
        FailureKind kind = of(failure);
        return called || kind == OWNERSHIP ? kind : DATABASE;
    }

    static FailureKind of(Throwable failure) {
        Throwable cause = failure;
        for (int depth = 0; cause != null && depth < MAX_DEPTH; depth++) {
            if (cause instanceof OwnershipLostException) {
                return OWNERSHIP;
            }
            if (cause instanceof SQLException sql) {
                FailureKind kind = of(sql);
                if (kind != EVENT) {
                    return kind;
                }
            }
            cause = SafeLog.causeOf(cause);
        }
        return EVENT;
    }

    private static FailureKind of(SQLException failure) {
        String state = failure.getSQLState() == null ? "" : failure.getSQLState();
        if (state.equals("40001") || state.equals("40P01")) {
            return CONFLICT;
        }
        boolean ofDatabase = failure instanceof SQLTransientConnectionException
                || state.startsWith("08")
                || state.startsWith("53")
                || state.startsWith("57P0")
                || state.equals("25P03")
                || state.equals("25P04");
        return ofDatabase ? DATABASE : EVENT;
    }
}
