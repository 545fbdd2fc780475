package io.synckit.postgres.boot.actuate;

import io.synckit.InvalidConnectionException;
import io.synckit.StoreStats;
import io.synckit.postgres.PostgresEventStore;
import io.synckit.postgres.RealtimeEventStore;
import io.synckit.postgres.StoreDiagnosis;
import io.synckit.postgres.notification.NotificationListener;
import io.synckit.subscription.DurableStatus;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntSupplier;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Queries the state of the store for health, metrics and the endpoint. Concurrent callers share one query, which runs on a dedicated thread,
 * so that a database that does not answer or an exhausted pool blocks no caller for longer than its timeout. Thread-safe.
 */
final class StoreMonitor {

    /** Queries that may hang at the same time. Each one keeps a connection of the pool. */
    private static final int MAX_OPEN = 3;

    private final AtomicInteger open = new AtomicInteger();
    private final Supplier<StoreDiagnosis> diagnose;
    private final IntSupplier waiting;
    private final Supplier<StoreStats> stats;
    private final @Nullable NotificationListener listener;
    private @Nullable SharedQuery<StoreDiagnosis> diagnosis;
    private @Nullable SharedQuery<StoreStats> statistics;
    private @Nullable SharedQuery<List<DurableStatus.Summary>> durable;

    StoreMonitor(RealtimeEventStore store) {
        this.diagnose = store::diagnose;
        this.waiting = store::waiting;
        this.stats = store::stats;
        this.listener = store.listener();
    }

    StoreMonitor(PostgresEventStore store, @Nullable NotificationListener listener) {
        this.diagnose = store::diagnose;
        this.waiting = store::waiting;
        this.stats = store::stats;
        this.listener = listener;
    }

    /** Returns the listener; null if it is disabled. */
    @Nullable NotificationListener listener() {
        return listener;
    }

    /** Returns how many events of storeAsync wait. */
    int waiting() {
        return waiting.getAsInt();
    }

    /**
     * Returns a diagnosis that is at most this old.
     *
     * @param timeout maximum duration of the query, from its start by whichever caller
     * @throws io.synckit.EventStoreException if the database does not answer in time, or with an error
     */
    StoreDiagnosis diagnosis(Duration maxAge, Duration timeout) {
        SharedQuery<StoreDiagnosis> shared;
        synchronized (this) {
            shared = current(diagnosis, maxAge, diagnose);
            diagnosis = shared;
        }
        return shared.result(timeout);
    }

    /** Returns statistics that are at most this old. See {@link #diagnosis}. */
    StoreStats stats(Duration maxAge, Duration timeout) {
        SharedQuery<StoreStats> shared;
        synchronized (this) {
            shared = current(statistics, maxAge, stats);
            statistics = shared;
        }
        return shared.result(timeout);
    }

    /** Returns the durable subscriptions of all instances, at most this old. See {@link #diagnosis}. */
    List<DurableStatus.Summary> durable(Duration maxAge, Duration timeout) {
        NotificationListener used = listener;
        if (used == null) {
            return List.of();
        }
        SharedQuery<List<DurableStatus.Summary>> shared;
        synchronized (this) {
            shared = current(durable, maxAge, used::durableSummaries);
            durable = shared;
        }
        return shared.result(timeout);
    }

    private <T> SharedQuery<T> current(@Nullable SharedQuery<T> last, Duration maxAge, Supplier<T> query) {
        if (last == null || (last.isOlderThan(maxAge) && open.get() < MAX_OPEN)) {
            return new SharedQuery<>(counted(query));
        }
        return last;
    }

    private <T> Supplier<T> counted(Supplier<T> query) {
        open.incrementAndGet();
        return () -> {
            try {
                return query.get();
            } finally {
                open.decrementAndGet();
            }
        };
    }

    /** A query that runs once. */
    private static final class SharedQuery<T> {

        /** Longer than the timeout of any pool. */
        private static final Duration HANGS = Duration.ofSeconds(45);

        private final CompletableFuture<T> result = new CompletableFuture<>();
        private final long started = System.nanoTime();

        SharedQuery(Supplier<T> query) {
            Thread thread = new Thread(() -> run(query), "synckit-monitor");
            thread.setDaemon(true);
            thread.start();
        }

        private void run(Supplier<T> query) {
            try {
                result.complete(query.get());
            } catch (RuntimeException | Error e) {
                result.completeExceptionally(e);
            }
        }

        /** While it runs, no other one is started, unless it hangs: then its connection may be broken, and others may work. */
        boolean isOlderThan(Duration age) {
            Duration since = Duration.ofNanos(System.nanoTime() - started);
            return since.compareTo(result.isDone() ? age : HANGS) > 0;
        }

        T result(Duration timeout) {
            Duration rest = timeout.minusNanos(System.nanoTime() - started);
            try {
                return result.get(Math.max(0, rest.toMillis()), TimeUnit.MILLISECONDS);
            } catch (TimeoutException e) {
                throw new InvalidConnectionException("the database has not answered for " + timeout.toMillis()
                        + " ms; check that it runs, and that the pool has free connections");
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new InvalidConnectionException("interrupted while waiting for the database");
            } catch (ExecutionException e) {
                if (e.getCause() instanceof RuntimeException failure) {
                    throw failure;
                }
                throw new IllegalStateException("the event store could not be queried", e.getCause());
            }
        }
    }
}
