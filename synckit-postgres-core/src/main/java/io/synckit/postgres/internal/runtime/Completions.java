package io.synckit.postgres.internal.runtime;

import java.time.Duration;
import java.util.Collection;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;

/**
 * Completes futures, which runs the callbacks of callers. A callback may be slow, or wait for another future. So one thread runs them, and if
 * it makes no progress for a moment, another thread runs the rest. Without a free thread they wait. Thread-safe.
 */
public final class Completions {

    private static final long MOMENT_MILLIS = 10;
    private static final long CHECK_NANOS = 1_000_000;

    private final ExecutorService threads;
    private final Executor later =
            CompletableFuture.delayedExecutor(MOMENT_MILLIS, TimeUnit.MILLISECONDS, Runnable::run);
    private final Queue<Runnable> waiting = new ConcurrentLinkedQueue<>();
    private final AtomicLong taken = new AtomicLong();
    private final AtomicBoolean watched = new AtomicBoolean();

    /** @param name of the threads */
    public Completions(String name) {
        this.threads = NamedThreads.asNeeded(name);
    }

    /** Lets another thread run them soon. */
    public void run(Collection<Runnable> all) {
        waiting.addAll(all);
        start();
    }

    private void start() {
        try {
            threads.execute(this::runAll);
        } catch (RejectedExecutionException | OutOfMemoryError e) {
            // There is no thread at the moment.
            later.execute(this::start);
        }
    }

    private void runAll() {
        Runnable next;
        while ((next = waiting.poll()) != null) {
            taken.incrementAndGet();
            if (!waiting.isEmpty()) {
                watch();
            }
            next.run();
            // A callback may have left the flag.
            Thread.interrupted();
        }
    }

    private void watch() {
        if (watched.compareAndSet(false, true)) {
            long before = taken.get();
            later.execute(() -> {
                watched.set(false);
                if (taken.get() == before) {
                    start();
                } else if (!waiting.isEmpty()) {
                    watch();
                }
            });
        }
    }

    /** Waits until all have begun to run. */
    public void await(Duration longest) {
        long end = System.nanoTime() + longest.toNanos();
        while (!waiting.isEmpty() && System.nanoTime() < end) {
            LockSupport.parkNanos(CHECK_NANOS);
        }
    }
}
