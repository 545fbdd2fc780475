package io.synckit.postgres.internal.runtime;

import java.time.Duration;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.LinkedTransferQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/** Creates daemon threads with names. */
public final class NamedThreads implements ThreadFactory {

    private static final Duration KEPT_IDLE = Duration.ofSeconds(30);

    private final String name;
    private final AtomicInteger count = new AtomicInteger();

    private NamedThreads(String name) {
        this.name = name;
    }

    /** Returns a factory of threads {@code name-1}, {@code name-2}, … */
    public static ThreadFactory numbered(String name) {
        return new NamedThreads(name + "-");
    }

    /** Returns a thread that is not started yet. */
    public static Thread single(String name, Runnable work) {
        // Without the inheritable thread locals of the thread that creates it.
        Thread thread = new Thread(null, work, name, 0, false);
        thread.setDaemon(true);
        return thread;
    }

    /** Waits until a thread ends, also if the caller is interrupted. */
    public static void join(Thread thread, Duration longest) {
        long end = System.nanoTime() + longest.toNanos();
        boolean interrupted = false;
        do {
            try {
                thread.join(Math.max(Duration.ofNanos(end - System.nanoTime()).toMillis(), 1));
            } catch (InterruptedException e) {
                interrupted = true;
            }
        } while (thread.isAlive() && System.nanoTime() < end);
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    /**
     * Returns an executor with a maximum number of threads. A thread is started if there is work and no thread is idle. Idle threads end.
     * If all threads are busy, work is queued.
     */
    public static ExecutorService atMost(int threads, String name) {
        return new ThreadPoolExecutor(
                0,
                threads,
                KEPT_IDLE.toMillis(),
                TimeUnit.MILLISECONDS,
                new HandOffQueue(),
                numbered(name),
                (work, executor) -> {
                    if (executor.isShutdown()) {
                        throw new RejectedExecutionException(name + " is shut down");
                    }
                    executor.getQueue().add(work);
                    // The last idle thread may have ended meanwhile. Otherwise it looks into the queue before it ends.
                    if (executor.getPoolSize() == 0 && executor.remove(work)) {
                        executor.execute(work);
                    }
                });
    }

    /** Accepts offered work only if an idle thread takes it. So the executor starts a thread, or refuses the work if it may not. */
    private static final class HandOffQueue extends LinkedTransferQueue<Runnable> {

        private static final long serialVersionUID = 1;

        @Override
        public boolean offer(Runnable work) {
            return tryTransfer(work);
        }

        @Override
        public boolean add(Runnable work) {
            put(work);
            return true;
        }
    }

    /** Returns a scheduler with one thread. Cancelled work is removed. */
    public static ScheduledExecutorService timer(String name) {
        ScheduledThreadPoolExecutor timer = new ScheduledThreadPoolExecutor(1, work -> single(name, work));
        timer.setRemoveOnCancelPolicy(true);
        timer.setExecuteExistingDelayedTasksAfterShutdownPolicy(false);
        return timer;
    }

    /** Returns an executor that starts a thread for each piece of work, unless one is idle. Idle threads end. */
    public static ExecutorService asNeeded(String name) {
        return new ThreadPoolExecutor(
                0,
                Integer.MAX_VALUE,
                KEPT_IDLE.toMillis(),
                TimeUnit.MILLISECONDS,
                new SynchronousQueue<>(),
                numbered(name));
    }

    @Override
    public Thread newThread(Runnable work) {
        return single(name + count.incrementAndGet(), work);
    }
}
