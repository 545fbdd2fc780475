package io.synckit.postgres.internal.sql;

import io.synckit.internal.Texts;
import io.synckit.postgres.internal.runtime.SafeLog;

/** Class and message of the exception with which a handler has failed, as they are stored. */
public record ParkedFailure(String type, String message) {

    private static final int MAX_LENGTH = 2000;

    private static final int MAX_DEPTH = 50;

    /** Returns a failure with a message that can be stored. The message has the root cause, too. */
    public static ParkedFailure of(Throwable failure) {
        Throwable root = failure;
        Throwable next = SafeLog.causeOf(failure);
        for (int depth = 0; next != null && depth < MAX_DEPTH; depth++) {
            root = next;
            next = SafeLog.causeOf(next);
        }
        String message = SafeLog.describe(failure);
        String cause = SafeLog.describe(root);
        return of(failure.getClass().getName(), message.contains(cause) ? message : message + "; cause: " + cause);
    }

    /** Returns a failure with a message that can be stored. */
    public static ParkedFailure of(String type, String message) {
        String printable = Texts.printable(message);
        return new ParkedFailure(
                type, printable.length() > MAX_LENGTH ? printable.substring(0, MAX_LENGTH) + "…" : printable);
    }
}
