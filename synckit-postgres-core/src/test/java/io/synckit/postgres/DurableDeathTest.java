package io.synckit.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import io.synckit.postgres.testing.Await;
import io.synckit.postgres.testing.DurableProcess;
import io.synckit.postgres.testing.DurableProcesses;
import io.synckit.postgres.testing.TestDatabase;
import io.synckit.postgres.testing.TestPostgres;
import io.synckit.subscription.DurableOptions;
import io.synckit.subscription.DurableOptions.Delivery;
import io.synckit.subscription.DurableOptions.OnExhausted;
import io.synckit.subscription.DurableOptions.Ordering;
import io.synckit.subscription.DurableSubscription;
import io.synckit.subscription.DurableSubscription.Outcome;
import io.synckit.subscription.DurableSubscription.State;
import io.synckit.subscription.StartFrom;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Which deaths of processes are counted as caused by an event, and which are not. */
class DurableDeathTest {

    @RegisterExtension
    private final TestDatabase database = TestPostgres.shared().migratedDatabase();

    private final DurableProcesses processes = new DurableProcesses(database);

    private final List<Object> handled = new CopyOnWriteArrayList<>();

    private static DurableOptions options() {
        return DurableOptions.named("numbers")
                .startFrom(StartFrom.beginning())
                .maxRetries(1000)
                .backoff(Duration.ofMillis(50), 1, Duration.ofMillis(50));
    }

    /** The process that takes over gives the partition up before the next attempt, for example because others have started. */
    @Test
    void deathIsCountedAlthoughTheNextOwnerHandsOver() throws InterruptedException {
        DurableOptions options =
                options().delivery(Delivery.EXACTLY_ONCE).backoff(Duration.ofMinutes(10), 1, Duration.ofMinutes(10));
        DurableProcess first = processes.startFailing(options);
        processes.store("a", "kills");
        Await.until(database, "select count(*) from synckit.events_parked", "1");
        first.close();
        for (int death = 1; death <= 3; death++) {
            database.execute("update synckit.events_parked set retry_at = now()");
            DurableProcess killed = processes.start();
            killed.subscriptions().durable(options, (event, context) -> killed.die());
            killed.awaitDeath();
            DurableProcess next = processes.start();
            next.subscriptions().durable(options, (event, context) -> handled.add(event.data()));
            Await.until(database, "select deaths from synckit.events_parked", String.valueOf(death));
            next.close();
        }
        database.execute("update synckit.events_parked set retry_at = now()");

        DurableSubscription subscription =
                processes.start().subscriptions().durable(options, (event, context) -> handled.add(event.data()));

        assertThat(processes.await(subscription)).isEqualTo(Outcome.PARKED);
        assertThat(handled).isEmpty();
    }

    /** The attempts in place wait for minutes. The first death is not counted, because the start was not stored. */
    @Test
    void deathInPlaceIsCountedAlthoughTheNextOwnerHandsOver() throws InterruptedException {
        DurableOptions options = options()
                .ordering(Ordering.TOTAL)
                .onExhausted(OnExhausted.SKIP)
                .backoff(Duration.ofMinutes(10), 1, Duration.ofMinutes(10));
        DurableProcess first = processes.startFailing(options);
        processes.store("a", "kills");
        Await.until(database, "select attempts from synckit.events_checkpoints", "1");
        first.close();
        for (int death = 1; death <= 4; death++) {
            tryInPlaceNow();
            DurableProcess killed = processes.start();
            killed.subscriptions().durable(options, (event, context) -> killed.die());
            killed.awaitDeath();
            database.execute("update synckit.events_checkpoints set retry_at = now() + interval '10 minutes'");
            DurableProcess next = processes.start();
            DurableSubscription taken =
                    next.subscriptions().durable(options, (event, context) -> handled.add(event.data()));
            Await.until(() -> taken.activity().get(0).state() != State.NOT_OWNED);
            next.close();
        }
        tryInPlaceNow();

        DurableSubscription subscription =
                processes.start().subscriptions().durable(options, (event, context) -> handled.add(event.data()));

        assertThat(processes.await(subscription)).isEqualTo(Outcome.HANDLED);
        assertThat(handled).isEmpty();
    }

    private void tryInPlaceNow() {
        database.execute("update synckit.events_checkpoints set retry_at = now()");
    }

    /** A waiting key is tried between the attempts at the event, of which each returns. */
    @Test
    void outageOfAnotherDatabaseAfterADeathSkipsNoEvent() throws InterruptedException {
        DurableOptions options = options().onExhausted(OnExhausted.SKIP);
        AtomicBoolean down = new AtomicBoolean(true);
        AtomicInteger calls = new AtomicInteger();
        DurableProcess first = processes.startFailing(options);
        processes.store("waiting", "bad");
        Await.until(database, "select count(*) from synckit.events_parked", "1");
        first.die();
        first.awaitDeath();
        processes.store("other", "good");
        processes.start().subscriptions().durable(options, (event, context) -> {
            if (event.data().equals("bad")) {
                throw new IllegalStateException("on purpose");
            }
            calls.incrementAndGet();
            if (down.get()) {
                throw new SQLException("the other database is down", "08006");
            }
            handled.add(event.data());
        });

        Await.until(() -> calls.get() > 5);
        down.set(false);

        Await.until(() -> handled.equals(List.of("good")));
    }

    /** Probes of a platform kill a process that waits for another database. Each attempt at the event has returned before. */
    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void deathAfterTheEndOfAnAttemptIsNotCounted(boolean ofWaitingKey) throws InterruptedException {
        DurableOptions options = options().onExhausted(OnExhausted.SKIP);
        AtomicInteger calls = new AtomicInteger();
        AtomicInteger ended = new AtomicInteger();
        processes.store("a", "innocent");
        for (int death = 0; death < 4; death++) {
            DurableProcess process = processes.start();
            AtomicInteger outages = new AtomicInteger();
            DurableSubscription subscription = process.subscriptions().durable(options, (event, context) -> {
                try {
                    if (calls.incrementAndGet() == 1 && ofWaitingKey) {
                        throw new IllegalStateException("on purpose");
                    }
                    outages.incrementAndGet();
                    throw new SQLException("the other database is down", "08006");
                } finally {
                    ended.incrementAndGet();
                }
            });
            Await.until(() -> outages.get() > 0
                    && subscription.activity().get(0).state() == State.BACKING_OFF
                    && calls.get() == ended.get());
            process.die();
            process.awaitDeath();
        }

        DurableSubscription subscription =
                processes.start().subscriptions().durable(options, (event, context) -> handled.add(event.data()));

        assertThat(processes.await(subscription)).isEqualTo(Outcome.HANDLED);
        assertThat(handled).containsExactly("innocent");
    }

    /** The first process fails three times at the first event. The second process dies at the second event. */
    @ParameterizedTest
    @EnumSource(Delivery.class)
    void attemptsAtThePreviousEventAreNotCounted(Delivery delivery) throws InterruptedException {
        DurableOptions options = options()
                .delivery(delivery)
                .ordering(Ordering.TOTAL)
                .onExhausted(OnExhausted.SKIP)
                .maxRetries(3);
        AtomicInteger calls = new AtomicInteger();
        DurableProcess first = processes.start();
        first.subscriptions().durable(options, (event, context) -> {
            if (calls.incrementAndGet() <= 3) {
                throw new IllegalStateException("on purpose");
            }
            handled.add(event.data());
        });
        processes.store("a", "first");
        Await.until(
                database,
                "select position from synckit.events_checkpoints",
                processes.store().latestVersion().toString());
        first.die();
        first.awaitDeath();
        DurableProcess second = processes.start();
        second.subscriptions().durable(options, (event, context) -> second.die());
        processes.store("b", "second");
        second.awaitDeath();
        AtomicInteger fails = new AtomicInteger();

        DurableSubscription subscription = processes.start().subscriptions().durable(options, (event, context) -> {
            if (fails.incrementAndGet() <= 2) {
                throw new IllegalStateException("on purpose");
            }
            handled.add(event.data());
        });

        assertThat(processes.await(subscription)).isEqualTo(Outcome.HANDLED);
        assertThat(handled).containsExactly("first", "second");
    }

    /** The stop begins between the claim and the start of the run, so the process gives the partition back. */
    @Test
    void deathIsCountedIfTheNextOwnerStopsDuringItsClaim() throws InterruptedException {
        DurableOptions options = options().backoff(Duration.ofMinutes(10), 1, Duration.ofMinutes(10));
        DurableProcess first = processes.startFailing(options);
        processes.store("a", "kills");
        Await.until(database, "select count(*) from synckit.events_parked", "1");
        first.close();
        database.execute("update synckit.events_parked set retry_at = now()");
        DurableProcess killed = processes.start();
        killed.subscriptions().durable(options, (event, context) -> killed.die());
        killed.awaitDeath();
        Await.until(database, "select running from synckit.events_parked", "t");
        database.execute("update synckit.events_parked set retry_at = now() + interval '10 minutes'");
        String claimed = "select epoch from synckit.events_checkpoints";
        String before = database.query(claimed);
        CountDownLatch stopped = new CountDownLatch(1);
        AtomicBoolean stops = new AtomicBoolean();
        DurableProcess stopping = processes.start();
        stopping.beforeBorrow(() -> {
            if (DurableProcess.isOnCoordinatorThread()
                    && !database.query(claimed).equals(before)
                    && stops.compareAndSet(false, true)) {
                Thread stop = new Thread(() -> {
                    stopping.listener().close();
                    stopped.countDown();
                });
                stop.start();
                // The stop waits for this thread.
                Await.until(() -> stop.getState() == Thread.State.TIMED_WAITING);
            }
        });
        stopping.subscriptions().durable(options, (event, context) -> handled.add(event.data()));
        assertThat(stopped.await(4, TimeUnit.MINUTES)).isTrue();

        processes.start().subscriptions().durable(options, (event, context) -> handled.add(event.data()));

        Await.until(database, "select running from synckit.events_parked", "f");
        assertThat(database.query("select deaths from synckit.events_parked")).isEqualTo("1");
    }
}
