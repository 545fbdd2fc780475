package io.synckit.postgres.internal.runtime;

import java.time.Duration;
import java.util.Collection;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;

/**
 * Runs what others hang on to results, which may be slow, or wait for another result. One thread does it as long as it gets on; when
 * nothing has got on for a moment, one more takes over the rest.
 */
public final class Completions {

    private static final long MOMENT_MILLIS = 10;
    private static final long LOOK = 1_000_000;

    private final ExecutorService threads;
    private final Executor later;
    private final Queue<Runnable> waiting = new ConcurrentLinkedQueue<>();
    private final AtomicLong taken = new AtomicLong();
    private final AtomicBoolean watched = new AtomicBoolean();

    /** @param name of the threads */
    public Completions(String name) {
        this.threads = NamedThreads.asNeeded(name);
        this.later = CompletableFuture.delayedExecutor(MOMENT_MILLIS, TimeUnit.MILLISECONDS, threads);
    }

    /** Has them run soon, by another thread. */
    public void run(Collection<Runnable> all) {
        waiting.addAll(all);
        elsewhere(threads, this::runAll);
    }

    private void runAll() {
        Runnable next;
        while ((next = waiting.poll()) != null) {
            taken.incrementAndGet();
            if (!waiting.isEmpty()) {
                watch();
            }
            next.run();
        }
    }

    private void watch() {
        if (watched.compareAndSet(false, true)) {
            long before = taken.get();
            elsewhere(later, () -> {
                watched.set(false);
                if (taken.get() == before) {
                    runAll();
                } else if (!waiting.isEmpty()) {
                    watch();
                }
            });
        }
    }

    /** Should there be no thread to be had, this one does it. */
    private static void elsewhere(Executor executor, Runnable work) {
        try {
            executor.execute(work);
        } catch (RuntimeException | OutOfMemoryError e) {
            work.run();
        }
    }

    /** Waits until all have begun to run. */
    public void await(Duration longest) {
        long end = System.nanoTime() + longest.toNanos();
        while (!waiting.isEmpty() && System.nanoTime() < end) {
            LockSupport.parkNanos(LOOK);
        }
    }
}
