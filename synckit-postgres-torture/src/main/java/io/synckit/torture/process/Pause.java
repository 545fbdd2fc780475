package io.synckit.torture.process;

import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/** Pauses a thread that follows a schedule. */
public final class Pause {

    private static final int BETWEEN_QUESTIONS = 20;

    private Pause() {}

    public static void millis(long millis) {
        LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(millis));
    }

    /** Asks until it is so, with short pauses. Returns false after the limit. */
    public static <E extends Exception> boolean until(Duration limit, Question<E> question) throws E {
        long end = System.nanoTime() + limit.toNanos();
        while (!question.isSo()) {
            if (System.nanoTime() > end) {
                return false;
            }
            millis(BETWEEN_QUESTIONS);
        }
        return true;
    }

    /** A question to a process or a server. */
    @FunctionalInterface
    public interface Question<E extends Exception> {
        boolean isSo() throws E;
    }
}
