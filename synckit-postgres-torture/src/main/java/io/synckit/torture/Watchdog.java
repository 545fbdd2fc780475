package io.synckit.torture;

import java.time.Duration;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/** Watches work that may never end. */
final class Watchdog {

    private Watchdog() {}

    /**
     * Does the work in the current thread.
     *
     * @param limit the longest time of the work
     * @param onTimeout is called after that time, in another thread, with the stack of the current one
     */
    static <T> T watch(Duration limit, Consumer<String> onTimeout, Callable<T> work) throws Exception {
        CountDownLatch ended = new CountDownLatch(1);
        Thread watched = Thread.currentThread();
        Thread watching = new Thread(
                () -> {
                    if (!isEndedWithin(limit, ended)) {
                        onTimeout.accept(stack(watched));
                    }
                },
                "watchdog");
        watching.setDaemon(true);
        watching.start();
        try {
            return work.call();
        } finally {
            ended.countDown();
        }
    }

    private static boolean isEndedWithin(Duration limit, CountDownLatch ended) {
        try {
            return ended.await(limit.toNanos(), TimeUnit.NANOSECONDS);
        } catch (InterruptedException e) {
            return true; // This thread is never interrupted.
        }
    }

    private static String stack(Thread thread) {
        StringBuilder lines = new StringBuilder();
        for (StackTraceElement frame : thread.getStackTrace()) {
            lines.append("  at ").append(frame).append('\n');
        }
        return lines.toString();
    }
}
