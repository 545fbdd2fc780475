package io.synckit.postgres.internal.runtime;

import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;

/** Logs exceptions of the application, whose own methods may throw. */
public final class SafeLog {

    private SafeLog() {}

    /** Logs a warning with the stack trace of a failure. Never throws. If the failure cannot be logged, its class is. */
    public static void warn(Logger log, String message, Throwable failure) {
        try {
            log.warn(message, failure);
        } catch (Throwable e) {
            warnWithoutTrace(log, message + ": " + failure.getClass().getName() + ", which cannot be printed");
        }
    }

    /** Returns the class and message of a failure. Never throws. */
    public static String describe(Throwable failure) {
        try {
            String text = failure.toString();
            return text == null ? failure.getClass().getName() : text;
        } catch (Throwable e) {
            return failure.getClass().getName();
        }
    }

    /** Returns the cause of a failure; null if there is none, or if the class of the application throws an exception. */
    public static @Nullable Throwable causeOf(Throwable failure) {
        try {
            return failure.getCause();
        } catch (Throwable e) {
            return null;
        }
    }

    private static void warnWithoutTrace(Logger log, String message) {
        try {
            log.warn(message);
        } catch (Throwable e) {
            // There is no way left to report it.
        }
    }
}
