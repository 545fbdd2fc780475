package io.synckit.postgres.internal.live;

import io.synckit.postgres.internal.runtime.NamedThreads;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/** Runs subscribers on the handler threads while the listener serves, and waits for runs. Thread-safe. */
public final class HandlerRuns {

    private static final int RETRY_SECONDS = 1;

    private static final Duration END_TIMEOUT = Duration.ofSeconds(1);

    private final Executor handlers;

    /** The executor, if it ends with the subscriptions. */
    private final @Nullable ExecutorService ownThreads;

    private final ReentrantLock lock = new ReentrantLock();
    private final Condition ended = lock.newCondition();
    private final List<LiveSubscriber> waiting = new ArrayList<>();

    /** Threads that work for each subscription. The next run may start before the last one has ended. */
    private final Map<LiveSubscriber, Integer> running = new HashMap<>();

    /** Subscriptions whose handlers wait for the other ones. */
    private final Set<LiveSubscriber> waitingForOthers = new HashSet<>();

    private volatile boolean serving;
    private volatile boolean ending;
    private volatile boolean closed;

    private HandlerRuns(Executor handlers, @Nullable ExecutorService ownThreads) {
        this.handlers = handlers;
        this.ownThreads = ownThreads;
    }

    /** Runs subscribers on the executor of the application, which stays open. */
    public static HandlerRuns on(Executor handlers) {
        return new HandlerRuns(handlers, null);
    }

    /** Runs subscribers on threads of their own. */
    public static HandlerRuns withThreads(int max, String name) {
        ExecutorService threads = NamedThreads.atMost(max, name);
        return new HandlerRuns(threads, threads);
    }

    /** Runs a task that is not a live subscriber. */
    public void execute(Runnable task) {
        handlers.execute(task);
    }

    /** Runs a subscriber, now or when the listener is started. */
    void schedule(LiveSubscriber subscriber) {
        lock.lock();
        try {
            if (!serving) {
                waiting.add(subscriber);
                return;
            }
        } finally {
            lock.unlock();
        }
        // Without the lock, because an executor of the application may run it on this thread.
        try {
            handlers.execute(subscriber);
        } catch (RuntimeException e) {
            if (closed) {
                // The handler threads have ended, and the subscriber must still receive its end.
                NamedThreads.single("synckit-live-end", subscriber).start();
            } else {
                scheduleLater(subscriber);
            }
        }
    }

    void scheduleLater(LiveSubscriber subscriber) {
        CompletableFuture.delayedExecutor(RETRY_SECONDS, TimeUnit.SECONDS, Runnable::run)
                .execute(() -> schedule(subscriber));
    }

    /** Starts or stops running subscribers. */
    void serve(boolean serve) {
        List<LiveSubscriber> released = List.of();
        lock.lock();
        try {
            serving = serve;
            if (serve) {
                released = List.copyOf(waiting);
                waiting.clear();
            }
        } finally {
            lock.unlock();
        }
        released.forEach(this::schedule);
    }

    /** From now on, no subscription is accepted. */
    public void endAccepting() {
        ending = true;
    }

    /** Returns whether subscriptions are accepted. */
    boolean isAccepting() {
        return !ending && !closed;
    }

    /** From now on, subscribers only receive their end. */
    void close() {
        closed = true;
        serve(true);
    }

    /** Returns whether the listener runs, or subscribers receive their end. */
    boolean isServing() {
        return serving;
    }

    /** Returns whether handlers may be called: neither stopped nor closed. */
    boolean mayDeliver() {
        return serving && !closed;
    }

    /**
     * Ends the threads, and waits briefly until subscribers have received their end. Does nothing for an executor of the application.
     *
     * @param byHandler whether one of the threads calls this, so that there is no wait
     */
    public void endThreads(boolean byHandler) {
        if (ownThreads == null) {
            return;
        }
        ownThreads.shutdown();
        try {
            if (!byHandler) {
                ownThreads.awaitTermination(END_TIMEOUT.toMillis(), TimeUnit.MILLISECONDS);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** A thread starts to work for the subscription. */
    void started(LiveSubscriber subscriber) {
        lock.lock();
        try {
            running.merge(subscriber, 1, Integer::sum);
        } finally {
            lock.unlock();
        }
    }

    /** The thread has ended its work. */
    void ended(LiveSubscriber subscriber) {
        lock.lock();
        try {
            running.computeIfPresent(subscriber, (key, count) -> count == 1 ? null : count - 1);
            waitingForOthers.remove(subscriber);
            ended.signalAll();
        } finally {
            lock.unlock();
        }
    }

    /** Returns whether the calling thread runs a handler. If it does, the others no longer wait for it, because it is going to wait for them. */
    public boolean exemptCaller() {
        @Nullable LiveSubscriber caller = LiveSubscriber.current();
        if (caller == null) {
            return false;
        }
        lock.lock();
        try {
            waitingForOthers.add(caller);
            ended.signalAll();
        } finally {
            lock.unlock();
        }
        return true;
    }

    /** Returns whether a thread works for a subscription. */
    public boolean isBusy() {
        lock.lock();
        try {
            return !running.isEmpty();
        } finally {
            lock.unlock();
        }
    }

    /** Waits until no thread works for a subscription, except for those that wait themselves. Returns false after the limit. */
    public boolean awaitIdle(Duration limit) {
        return await(() -> waitingForOthers.containsAll(running.keySet()), limit);
    }

    /** Waits until no thread works for the subscription. Returns false after the limit. */
    boolean awaitEnd(LiveSubscriber subscriber, Duration limit) {
        return await(() -> !running.containsKey(subscriber), limit);
    }

    private boolean await(BooleanSupplier over, Duration limit) {
        lock.lock();
        try {
            long left = limit.toNanos();
            while (!over.getAsBoolean()) {
                if (left <= 0) {
                    return false;
                }
                left = ended.awaitNanos(left);
            }
            return true;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        } finally {
            lock.unlock();
        }
    }
}
