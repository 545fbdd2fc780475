package io.synckit.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import io.synckit.Event;
import io.synckit.EventStoreException;
import io.synckit.Version;
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
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Commands of operators take effect soon, and neither cost attempts nor hold back other events. */
class DurableCommandTest {

    @RegisterExtension
    private final TestDatabase database = TestPostgres.shared().migratedDatabase();

    private final DurableProcesses processes = new DurableProcesses(database);

    private final List<Object> handled = new CopyOnWriteArrayList<>();

    private static DurableOptions options() {
        return DurableOptions.named("numbers")
                .startFrom(StartFrom.beginning())
                .backoff(Duration.ofMillis(20), 1, Duration.ofMillis(20));
    }

    /** The attempts are minutes apart. The second subscription shows when the process has noticed the command or the new connection. */
    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void neitherCommandsNorReconnectsUseUpAttemptsInPlace(boolean byCommand) throws InterruptedException {
        AtomicInteger calls = new AtomicInteger();
        DurableProcess process = processes.start();
        DurableSubscription subscription = process.subscriptions()
                .durable(
                        options()
                                .ordering(Ordering.TOTAL)
                                .onExhausted(OnExhausted.SKIP)
                                .backoff(Duration.ofMinutes(10), 1, Duration.ofMinutes(10)),
                        (event, context) -> {
                            calls.incrementAndGet();
                            throw new IllegalStateException("on purpose");
                        });
        DurableSubscription second = process.subscriptions()
                .durable(
                        DurableOptions.named("second").startFrom(StartFrom.beginning()),
                        (event, context) -> handled.add(event.data()));
        processes.store("a", 0);
        Await.until(() -> calls.get() == 1);

        for (int i = 1; i <= 3; i++) {
            if (byCommand) {
                assertThat(subscription.requeueAll()).isZero();
            } else {
                process.loseListener();
                process.findListener();
            }
            processes.store("a", i);
            assertThat(processes.await(second)).isEqualTo(Outcome.HANDLED);
        }

        assertThat(calls).hasValue(1);
    }

    @Test
    void requeueAllDoesNotHoldBackOtherEvents() {
        int keys = 50;
        AtomicBoolean fails = new AtomicBoolean(true);
        AtomicBoolean otherIsStored = new AtomicBoolean();
        DurableProcess process = processes.start();
        DurableSubscription subscription = process.subscriptions()
                .durable(options().maxRetries(0), (event, context) -> {
                    if (!event.data().equals("good") && fails.get()) {
                        throw new IllegalStateException("on purpose");
                    }
                    if (!fails.get() && otherIsStored.compareAndSet(false, true)) {
                        processes.store("other", "other");
                        Version other = processes.store().latestVersion();
                        Await.until(() -> process.listener()
                                        .reader()
                                        .orElseThrow()
                                        .position()
                                        .compareTo(other)
                                >= 0);
                    }
                    handled.add(event.data());
                });
        for (int i = 0; i < keys; i++) {
            processes.store("good", "good"); // so that there is no outage
            processes.store("key-" + i, i);
        }
        Await.until(
                database, "select count(*) from synckit.events_parked where retry_at is null", String.valueOf(keys));
        handled.clear();
        fails.set(false);

        assertThat(subscription.requeueAll()).isEqualTo(keys);

        Await.until(() -> handled.size() == keys + 1);
        assertThat(handled.indexOf("other")).isLessThan(keys / 2);
    }

    /** The commands before it take longer than a turn, and the attempt of the key is due. It must not succeed before, and another event be skipped. */
    @Test
    void skipIsCarriedOutBeforeTheNextAttempt() throws InterruptedException {
        int others = 60;
        int later = 100;
        CountDownLatch goOn = new CountDownLatch(1);
        AtomicBoolean fails = new AtomicBoolean(true);
        DurableProcess first = processes.start();
        first.subscriptions().durable(options().maxRetries(0), (event, context) -> {
            if (event.data().equals("parked")) {
                throw new IllegalStateException("on purpose");
            }
        });
        for (int i = 0; i < others; i++) {
            processes.store("good", "good"); // so that there is no outage
            processes.store("parked-" + i, "parked");
        }
        Await.until(
                database, "select count(*) from synckit.events_parked where retry_at is null", String.valueOf(others));
        first.close();
        DurableSubscription subscription = processes
                .start()
                .subscriptions()
                .durable(
                        options().maxRetries(10).backoff(Duration.ofMillis(500), 1, Duration.ofMillis(500)),
                        (event, context) -> {
                            if (event.data().equals("first") && fails.get()) {
                                throw new IllegalStateException("on purpose");
                            }
                            if (event.data().equals("slow")) {
                                goOn.await(4, TimeUnit.MINUTES);
                            }
                            handled.add(event.data());
                        });
        processes.store("skipped", "first");
        Await.until(database, "select count(*) from synckit.events_parked where key = 'skipped'", "1");
        for (int i = 0; i < later; i++) {
            processes.store("skipped", i);
        }
        processes.store("slow", "slow");
        Await.until(
                database, "select retry_at < clock_timestamp() from synckit.events_parked where key = 'skipped'", "t");
        fails.set(false);
        assertThat(subscription.skip("skipped")).isTrue();
        for (int i = 0; i < others; i++) {
            assertThat(subscription.discard("parked-" + i)).isTrue();
        }

        goOn.countDown();

        assertThat(processes.await(subscription)).isEqualTo(Outcome.HANDLED);
        assertThat(handled).hasSize(later + 1).doesNotContain("first");
    }

    /** After a move back, the position is before the event at which the key waits. */
    @Test
    void commandThatMustWaitDoesNotHoldBackOtherEvents() throws InterruptedException {
        int many = 500;
        AtomicBoolean fails = new AtomicBoolean(true);
        storeMany("many", many);
        storeMany("other", 20);
        processes.store("last", "last");
        DurableSubscription subscription = processes
                .start()
                .subscriptions()
                .durable(options().maxRetries(100_000), (event, context) -> {
                    if (fails.get() && !event.data().equals("other")) {
                        throw new IllegalStateException("on purpose");
                    }
                    if (!fails.get()) {
                        handled.add(event.data());
                    }
                });
        Await.until(database, "select count(*) from synckit.events_parked", "2");
        subscription.pause();
        subscription.moveTo(subscription.status().position(), Version.of(many));
        assertThat(subscription.requeue("last")).isTrue();
        fails.set(false);

        subscription.resume();

        assertThat(processes.await(subscription)).isEqualTo(Outcome.HANDLED);
        assertThat(handled).hasSize(many + 20 + 1);
        assertThat(handled.indexOf("other")).isLessThan(handled.lastIndexOf("many"));
    }

    private void storeMany(String key, int events) {
        processes
                .store()
                .storeBatch(Stream.generate(() -> Event.of(key, "T", key))
                        .limit(events)
                        .toList());
    }

    /** The attempts are minutes apart. The first attempt to read the keys fails. */
    @Test
    void commandUsesUpNoAttemptIfTheDatabaseFails() throws InterruptedException {
        AtomicInteger calls = new AtomicInteger();
        AtomicBoolean fails = new AtomicBoolean();
        AtomicBoolean hasFailed = new AtomicBoolean();
        AtomicInteger queries = new AtomicInteger();
        Thread operator = Thread.currentThread();
        DurableProcess process = processes.start();
        process.beforeBorrow(() -> {
            if (!DurableProcess.isOnCoordinatorThread() && Thread.currentThread() != operator && fails.get()) {
                if (hasFailed.compareAndSet(false, true)) {
                    throw new EventStoreException("on purpose", new SQLException("on purpose", "08006"));
                }
                queries.incrementAndGet();
            }
        });
        DurableSubscription subscription = process.subscriptions()
                .durable(
                        options()
                                .ordering(Ordering.TOTAL)
                                .onExhausted(OnExhausted.SKIP)
                                .maxRetries(1)
                                .backoff(Duration.ofMinutes(10), 1, Duration.ofMinutes(10)),
                        (event, context) -> {
                            calls.incrementAndGet();
                            throw new IllegalStateException("on purpose");
                        });
        processes.store("a", 0);
        Await.until(() -> subscription.activity().get(0).state() == State.BACKING_OFF);
        String waits = database.query("select retry_at from synckit.events_checkpoints where subscription = 'numbers'");

        fails.set(true);
        assertThat(subscription.requeueAll()).isZero();
        // The position and the keys are read again.
        Await.until(() -> queries.get() >= 2);
        // The keys are read once more. A wrong call of the handler would come before, on the same thread.
        int before = queries.get();
        assertThat(subscription.requeueAll()).isZero();
        Await.until(() -> queries.get() > before);

        assertThat(calls).hasValue(1);
        assertThat(subscription.status().position()).isEqualTo(Version.ZERO);
        assertThat(database.query("select retry_at from synckit.events_checkpoints where subscription = 'numbers'"))
                .isEqualTo(waits);
    }

    /** The attempts at a key wait for a database. An operator discards the key during such a pause. */
    @Test
    void partitionRunsAgainAfterACommandInAWaitForADatabase() {
        AtomicInteger calls = new AtomicInteger();
        DurableSubscription subscription = processes.start().subscriptions().durable(options(), (event, context) -> {
            if (calls.incrementAndGet() == 1) {
                throw new IllegalStateException("on purpose");
            }
            throw new SQLException("on purpose", "08006");
        });
        processes.store("a", 0);
        Await.until(() -> calls.get() >= 5);

        assertThat(subscription.discard("a")).isTrue();

        Await.until(database, "select count(*) from synckit.events_parked", "0");
        Await.until(() -> subscription.activity().get(0).state() == State.RUNNING);
    }

    /** The owner is busy, so it has not carried out the first command yet. */
    @ParameterizedTest
    @EnumSource(Delivery.class)
    void requeueAllReplacesNoOtherCommand(Delivery delivery) {
        CountDownLatch called = new CountDownLatch(1);
        CountDownLatch goOn = new CountDownLatch(1);
        AtomicBoolean fails = new AtomicBoolean(true);
        DurableSubscription subscription = processes
                .start()
                .subscriptions()
                .durable(options().delivery(delivery).maxRetries(0), (event, context) -> {
                    if (event.data().equals("slow")) {
                        called.countDown();
                        Await.latch(goOn);
                    } else if (fails.get()) {
                        throw new IllegalStateException("on purpose");
                    }
                    handled.add(event.data());
                });
        for (String key : List.of("a", "b", "c")) {
            processes.store(key, key);
        }
        Await.until(database, "select count(*) from synckit.events_parked where retry_at is null", "3");
        processes.store("slow", "slow");
        Await.latch(called);
        fails.set(false);

        assertThat(subscription.skip("a")).isTrue();
        assertThat(subscription.discard("b")).isTrue();
        assertThat(subscription.requeueAll()).isEqualTo(1);
        goOn.countDown();

        Await.until(database, "select count(*) from synckit.events_parked", "0");
        assertThat(handled).containsExactly("slow", "c");
    }

    /** The pool fails in the pause of an event that is tried again in place. */
    @Test
    void commandThatFailsIsNotTriedAgainForEachEvent() {
        int events = 1000;
        AtomicBoolean fails = new AtomicBoolean();
        AtomicInteger borrowed = new AtomicInteger();
        Thread test = Thread.currentThread();
        DurableProcess process = processes.startFailing(options()
                .ordering(Ordering.TOTAL)
                .onExhausted(OnExhausted.SKIP)
                .backoff(Duration.ofMinutes(10), 1, Duration.ofMinutes(10)));
        process.beforeBorrow(() -> {
            if (!DurableProcess.isOnCoordinatorThread() && Thread.currentThread() != test && fails.get()) {
                borrowed.incrementAndGet();
                throw new EventStoreException("on purpose", new SQLException("on purpose", "53300"));
            }
        });
        DurableSubscription subscription =
                process.subscriptions().durable("numbers").orElseThrow();
        processes.store("a", 0);
        Await.until(() -> subscription.activity().get(0).state() == State.BACKING_OFF);
        fails.set(true);
        subscription.requeueAll();
        Await.until(() -> borrowed.get() > 0);

        for (int i = 0; i < events; i++) {
            processes.store("a", i);
        }

        assertThat(borrowed).hasValueLessThan(events / 50);
    }
}
