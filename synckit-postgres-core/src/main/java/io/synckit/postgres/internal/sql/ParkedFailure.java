package io.synckit.postgres.internal.sql;

import io.synckit.internal.Texts;
import io.synckit.postgres.internal.runtime.SafeLog;

/** Class and message of the exception with which a handler has failed, as they are stored. */
public record ParkedFailure(String type, String message) {

    private static final int MAX_LENGTH = 2000;

    /** Returns a failure with a message that can be stored. */
    public static ParkedFailure of(Throwable failure) {
        return of(failure.getClass().getName(), SafeLog.describe(failure));
    }

    /** Returns a failure with a message that can be stored. */
    public static ParkedFailure of(String type, String message) {
        String printable = Texts.printable(message);
        return new ParkedFailure(
                type, printable.length() > MAX_LENGTH ? printable.substring(0, MAX_LENGTH) + "…" : printable);
    }
}
