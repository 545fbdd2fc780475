package io.synckit.postgres.boot.actuate;

import io.synckit.InvalidConnectionException;
import io.synckit.StoreStats;
import io.synckit.postgres.PostgresEventStore;
import io.synckit.postgres.RealtimeEventStore;
import io.synckit.postgres.StoreDiagnosis;
import io.synckit.postgres.notification.NotificationListener;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntSupplier;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Asks the store how it is, for all who want to know at that moment: at most one question at a time, on a thread of its own, so that a
 * database that does not answer, or a pool without connections, holds up nobody for longer than they want to wait.
 */
final class StoreMonitor {

    /** Each that hangs keeps one of the pool's connections. */
    private static final int MOST_OPEN = 3;

    private final AtomicInteger open = new AtomicInteger();
    private final Supplier<StoreDiagnosis> diagnose;
    private final IntSupplier waiting;
    private final Supplier<StoreStats> stats;
    private final @Nullable NotificationListener listener;
    private @Nullable Question<StoreDiagnosis> diagnosis;
    private @Nullable Question<StoreStats> statistics;

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

    /** Null if live subscriptions are switched off. */
    @Nullable NotificationListener listener() {
        return listener;
    }

    /** How many events of storeAsync wait. */
    int waiting() {
        return waiting.getAsInt();
    }

    /**
     * The answer to a question that was asked no longer ago than this.
     *
     * @param patience how long a question may take altogether, whoever asked it
     * @throws io.synckit.EventStoreException if the database does not answer in time, or otherwise than with a diagnosis
     */
    StoreDiagnosis diagnosis(Duration maxAge, Duration patience) {
        Question<StoreDiagnosis> question;
        synchronized (this) {
            question = current(diagnosis, maxAge, diagnose);
            diagnosis = question;
        }
        return question.answer(patience);
    }

    /** The same with the store's statistics. */
    StoreStats stats(Duration maxAge, Duration patience) {
        Question<StoreStats> question;
        synchronized (this) {
            question = current(statistics, maxAge, stats);
            statistics = question;
        }
        return question.answer(patience);
    }

    private <T> Question<T> current(@Nullable Question<T> last, Duration maxAge, Supplier<T> ask) {
        if (last == null || (last.isOlderThan(maxAge) && open.get() < MOST_OPEN)) {
            return new Question<>(counted(ask));
        }
        return last;
    }

    private <T> Supplier<T> counted(Supplier<T> ask) {
        open.incrementAndGet();
        return () -> {
            try {
                return ask.get();
            } finally {
                open.decrementAndGet();
            }
        };
    }

    /** Asked once. */
    private static final class Question<T> {

        /** Longer than a pool lets anybody wait. */
        private static final Duration HANGS = Duration.ofSeconds(45);

        private final CompletableFuture<T> answer = new CompletableFuture<>();
        private final long asked = System.nanoTime();

        Question(Supplier<T> ask) {
            Thread thread = new Thread(() -> ask(ask), "synckit-monitor");
            thread.setDaemon(true);
            thread.start();
        }

        private void ask(Supplier<T> ask) {
            try {
                answer.complete(ask.get());
            } catch (RuntimeException | Error e) {
                answer.completeExceptionally(e);
            }
        }

        /** While it is open there is no other, unless it hangs: then its connection may be dead, and others not. */
        boolean isOlderThan(Duration age) {
            Duration since = Duration.ofNanos(System.nanoTime() - asked);
            return since.compareTo(answer.isDone() ? age : HANGS) > 0;
        }

        T answer(Duration patience) {
            Duration rest = patience.minusNanos(System.nanoTime() - asked);
            try {
                return answer.get(Math.max(0, rest.toMillis()), TimeUnit.MILLISECONDS);
            } catch (TimeoutException e) {
                throw new InvalidConnectionException("the database has not answered for " + patience.toMillis()
                        + " ms; check that it runs, and whether the pool has connections left");
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new InvalidConnectionException("interrupted while waiting for the database");
            } catch (ExecutionException e) {
                if (e.getCause() instanceof RuntimeException failure) {
                    throw failure;
                }
                throw new IllegalStateException("the event store could not be asked", e.getCause());
            }
        }
    }
}
