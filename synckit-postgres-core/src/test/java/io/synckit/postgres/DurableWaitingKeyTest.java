package io.synckit.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import io.synckit.ConnectionSource.Borrowed;
import io.synckit.Event;
import io.synckit.EventStoreException;
import io.synckit.Filter;
import io.synckit.Version;
import io.synckit.postgres.testing.Await;
import io.synckit.postgres.testing.Collector;
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
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Attempts, commands and turns of waiting keys, between the steps in which they are stored. */
class DurableWaitingKeyTest {

    private static final Duration LONG = Duration.ofMinutes(4);

    @RegisterExtension
    private final TestDatabase database = TestPostgres.shared().migratedDatabase();

    private final DurableProcesses processes = new DurableProcesses(database);

    private final List<Object> handled = new CopyOnWriteArrayList<>();
    private final CountDownLatch retrying = new CountDownLatch(1);
    private final CountDownLatch goOn = new CountDownLatch(1);
    private final AtomicInteger calls = new AtomicInteger();

    private static DurableOptions options() {
        return DurableOptions.named("numbers")
                .startFrom(StartFrom.beginning())
                .backoff(Duration.ofMillis(20), 1, Duration.ofMillis(20));
    }

    private static void await(CountDownLatch latch) {
        try {
            assertThat(latch.await(LONG.toSeconds(), TimeUnit.SECONDS)).isTrue();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Waits until a process has read all events, so that its partition passes those of waiting keys. */
    private void awaitRead(DurableProcess process) {
        Version last = processes.store().latestVersion();
        Await.until(() -> process.listener().reader().orElseThrow().position().equals(last));
    }

    /** The first attempt fails. The second one waits for the test, and succeeds. */
    private void failOnceThenWait() {
        int call = calls.incrementAndGet();
        if (call == 1) {
            throw new IllegalStateException("on purpose");
        }
        if (call == 2) {
            retrying.countDown();
            await(goOn);
        }
    }

    private DurableSubscription startAndAwaitTheRetry() {
        DurableSubscription subscription = processes
                .start()
                .subscriptions()
                .durable(options().maxRetries(1), (event, context) -> failOnceThenWait());
        processes.store("a", 0);
        await(retrying);
        return subscription;
    }

    /** The start of the attempt was stored, but its outcome is not known. */
    @Test
    void attemptWhoseSessionIsEndedIsNotCounted() throws InterruptedException {
        DurableProcess process = processes.start(builder -> builder.closeTimeout(Duration.ofMillis(200)));
        DurableSubscription subscription = process.subscriptions()
                .durable(
                        options().delivery(Delivery.EXACTLY_ONCE).maxRetries(1).onExhausted(OnExhausted.SKIP),
                        (event, context) -> {
                            failOnceThenWait();
                            handled.add(event.data());
                        });
        processes.store("a", 0);
        await(retrying);

        subscription.pause();
        goOn.countDown();
        subscription.resume();

        assertThat(processes.await(subscription)).isEqualTo(Outcome.HANDLED);
        assertThat(calls).hasValue(3);
        assertThat(subscription.activity().get(0).counts().skipped()).isZero();
    }

    /** Each pause ends the session of the attempt. In at-least-once delivery the handler may even have succeeded. */
    @ParameterizedTest
    @EnumSource(Delivery.class)
    void pauseDuringAttemptIsNotCountedAsDeath(Delivery delivery) throws InterruptedException {
        int pauses = 4;
        BlockingQueue<CountDownLatch> running = new LinkedBlockingQueue<>();
        DurableProcess process = processes.start(builder -> builder.closeTimeout(Duration.ofMillis(50)));
        DurableSubscription subscription = process.subscriptions()
                .durable(options().delivery(delivery).onExhausted(OnExhausted.SKIP), (event, context) -> {
                    int call = calls.incrementAndGet();
                    if (call == 1) {
                        throw new IllegalStateException("on purpose");
                    }
                    if (call <= pauses + 1) {
                        CountDownLatch latch = new CountDownLatch(1);
                        running.add(latch);
                        await(latch);
                    }
                    handled.add(event.data());
                });
        processes.store("a", 0);
        for (int i = 0; i < pauses; i++) {
            CountDownLatch latch = running.poll(LONG.toSeconds(), TimeUnit.SECONDS);
            subscription.pause();
            latch.countDown();
            subscription.resume();
        }

        assertThat(processes.await(subscription)).isEqualTo(Outcome.HANDLED);
        assertThat(subscription.activity().get(0).counts().skipped()).isZero();
        assertThat(handled).contains(0);
    }

    /** The process dies in the pause after an attempt, so the event has not ended it. */
    @Test
    void deathBetweenAttemptsInPlaceIsNotCounted() throws InterruptedException {
        DurableOptions options =
                options().ordering(Ordering.TOTAL).maxRetries(20).onExhausted(OnExhausted.SKIP);
        processes.store("a", 0);
        for (int death = 0; death < 4; death++) {
            DurableProcess process = processes.start();
            DurableSubscription failing = process.subscriptions()
                    .durable(options.backoff(Duration.ofSeconds(1), 1, Duration.ofSeconds(1)), (event, context) -> {
                        throw new IllegalStateException("on purpose");
                    });
            Await.until(() -> failing.activity().get(0).state() == State.BACKING_OFF);
            process.die();
            process.awaitDeath();
        }

        DurableSubscription subscription =
                processes.start().subscriptions().durable(options, (event, context) -> handled.add(event.data()));

        assertThat(processes.await(subscription)).isEqualTo(Outcome.HANDLED);
        assertThat(handled).containsExactly(0);
    }

    /** The next attempt of the partition is made after minutes. */
    @Test
    void commandsDoNotWaitForTheEndOfABackOff() {
        IntStream.range(0, 12).forEach(i -> processes.store("key-" + i, i));
        DurableSubscription subscription = processes
                .start()
                .subscriptions()
                .durable(options().backoff(Duration.ofMinutes(10), 1, Duration.ofMinutes(10)), (event, context) -> {
                    throw new IllegalStateException("on purpose");
                });
        Await.until(() -> subscription.activity().get(0).state() == State.BACKING_OFF);

        subscription.parked(100).forEach(parked -> subscription.discard(parked.key()));

        Await.until(() -> subscription.parked(100).isEmpty());
    }

    /** Neither the retries of the event before nor the pauses between the deaths change the count. */
    @Test
    void eventThatKillsItsProcessesIsParkedAfterThreeDeaths() throws InterruptedException {
        DurableOptions options = options().delivery(Delivery.EXACTLY_ONCE).maxRetries(6);
        for (int death = 0; death < 3; death++) {
            DurableProcess process = processes.start();
            process.subscriptions().durable(options, (event, context) -> {
                if (event.data().equals("slow")) {
                    failOnceThenWait();
                } else {
                    process.die();
                }
            });
            if (death == 0) {
                processes.store("a", "slow");
                await(retrying);
                processes.store("a", "kills");
                awaitRead(process);
                goOn.countDown();
            }
            process.awaitDeath();
        }
        DurableSubscription subscription =
                processes.start().subscriptions().durable(options, (event, context) -> handled.add(event.data()));

        assertThat(processes.await(subscription)).isEqualTo(Outcome.PARKED);
        assertThat(handled).isEmpty();
        assertThat(subscription.parked(1))
                .singleElement()
                .satisfies(parked -> assertThat(parked.failure())
                        .isEqualTo("3 processes have died while they handled this event, so it is not handled again"));
        subscription.requeueAll();
        assertThat(processes.await(subscription)).isEqualTo(Outcome.HANDLED);
        assertThat(handled).containsExactly("kills");
    }

    /** A session of an operator locks the row of the key. Neither the wait nor the changed row says something about the event. */
    @Test
    void eventIsHandledOnceAlthoughAnotherSessionChangesItsRow() throws Exception {
        database.execute(
                "alter database " + database.name() + " set default_transaction_isolation = 'repeatable read'");
        DurableSubscription subscription = startAndAwaitTheRetry();
        try (Connection operator = database.connect();
                Statement statement = operator.createStatement()) {
            operator.setAutoCommit(false);
            statement.execute("update synckit.events_parked set last_failed_at = now()");
            goOn.countDown();
            Await.until(
                    database,
                    "select count(*) > 0 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
                    "t");
            operator.commit();
        }

        assertThat(processes.await(subscription)).isEqualTo(Outcome.HANDLED);
        assertThat(calls).hasValue(2);
    }

    /** The handler has succeeded. In at-least-once delivery it is called again, but its event is not parked. */
    @Test
    void lockTimeoutAfterTheHandlerIsNotCountedAsFailure() throws Exception {
        database.execute("alter database " + database.name() + " set lock_timeout = '100ms'");
        DurableSubscription subscription = startAndAwaitTheRetry();
        try (Connection operator = database.connect();
                Statement statement = operator.createStatement()) {
            operator.setAutoCommit(false);
            statement.execute("select * from synckit.events_parked for update");
            goOn.countDown();
            Await.until(() -> subscription.activity().get(0).failure().contains("lock timeout"));
            operator.rollback();
        }

        assertThat(processes.await(subscription)).isEqualTo(Outcome.HANDLED);
        assertThat(subscription.activity().get(0).counts().failed()).isEqualTo(1);
    }

    /** The key is loaded again during the attempt. If this process had died, the next attempt would be due after minutes. */
    @Test
    void nextEventFollowsAtOnceAlthoughTheKeyWasLoadedAgain() throws InterruptedException {
        DurableSubscription subscription = processes
                .start()
                .subscriptions()
                .durable(options().backoff(Duration.ofMillis(500), 1000, Duration.ofMinutes(10)), (event, context) -> {
                    if (event.data().equals("first")) {
                        failOnceThenWait();
                    }
                    handled.add(event.data());
                });
        processes.store("a", "first");
        processes.store("a", "second");
        await(retrying);

        assertThat(subscription.requeue("another key")).isFalse();
        goOn.countDown();

        assertThat(processes.await(subscription)).isEqualTo(Outcome.HANDLED);
        assertThat(handled).containsExactly("first", "second");
    }

    /** The second event fails before the position after it is stored. */
    @Test
    void skippedEventIsNotHandledAfterAStop() throws InterruptedException {
        DurableProcess owner = processes.start();
        AtomicInteger failures = new AtomicInteger();
        DurableSubscription subscription = owner.subscriptions()
                .durable(
                        options().delivery(Delivery.EXACTLY_ONCE).maxRetries(1).onExhausted(OnExhausted.STOP),
                        (event, context) -> {
                            if (event.data().equals("first")) {
                                failOnceThenWait();
                            } else {
                                failures.incrementAndGet();
                                throw new IllegalStateException("on purpose");
                            }
                        });
        processes.store("a", "first");
        await(retrying);
        processes.store("a", "second");
        awaitRead(owner);
        goOn.countDown();
        Await.until(() -> subscription.activity().get(0).state() == State.STOPPED);
        int before = failures.get();

        assertThat(subscription.skip("a")).isTrue();
        subscription.resume();

        assertThat(processes.await(subscription)).isEqualTo(Outcome.HANDLED);
        assertThat(failures).hasValue(before);
    }

    @Test
    void discardedEventIsNotHandledAfterAMoveBack() throws InterruptedException {
        Collector<Object> called = new Collector<>();
        processes.store("a", "first");
        processes.store("b", "bad");
        processes.store("c", "third");
        DurableSubscription subscription = processes
                .start()
                .subscriptions()
                .durable(options().delivery(Delivery.EXACTLY_ONCE).maxRetries(0), (event, context) -> {
                    called.add(event.data());
                    if (event.data().equals("bad")) {
                        throw new IllegalStateException("on purpose");
                    }
                });
        assertThat(processes.await(subscription)).isEqualTo(Outcome.PARKED);
        subscription.pause();
        subscription.moveTo(subscription.status().position(), Version.ZERO);
        called.rest();

        assertThat(subscription.discard("b")).isTrue();
        subscription.resume();

        assertThat(processes.await(subscription)).isEqualTo(Outcome.HANDLED);
        assertThat(called.rest()).containsExactly("first", "third");
    }

    /** The event that is tried in place fails after the outage, too. No key has so few retries that it is parked before ten have failed. */
    @Test
    void keysContinueAfterAnOutageAlthoughTheEventInPlaceFails() throws InterruptedException {
        int events = 30;
        AtomicBoolean outage = new AtomicBoolean(true);
        IntStream.range(0, events).forEach(i -> processes.store("key-" + i, i));
        DurableOptions quick = options().backoff(Duration.ofMillis(100), 1, Duration.ofMillis(100));
        DurableSubscription subscription = processes
                .start()
                .subscriptions()
                .durable(quick.maxRetries(20), (event, context) -> {
                    if (outage.get() || event.data().equals(9)) {
                        throw new IllegalStateException("on purpose");
                    }
                    handled.add(event.data());
                });
        Await.until(() -> subscription.activity().get(0).state() == State.BACKING_OFF);

        outage.set(false);

        assertThat(processes.await(subscription)).isEqualTo(Outcome.PARKED);
        Await.until(() -> handled.size() == events - 1);
    }

    @Test
    void keyWithManyEventsHoldsBackNeitherOtherKeysNorOtherEvents() throws InterruptedException {
        int many = 3000;
        int others = 500;
        AtomicBoolean fails = new AtomicBoolean(true);
        processes
                .store()
                .storeBatch(Stream.generate(() -> Event.of("many", "T", "many"))
                        .limit(many)
                        .toList());
        processes.store("one", "one");
        DurableSubscription subscription = processes.start().subscriptions().durable(options(), (event, context) -> {
            if (fails.get() && !event.data().equals("other")) {
                throw new IllegalStateException("on purpose");
            }
            handled.add(event.data());
        });
        Await.until(database, "select count(*) from synckit.events_parked", "2");
        processes
                .store()
                .storeBatch(Stream.generate(() -> Event.of("other", "T", "other"))
                        .limit(others)
                        .toList());
        fails.set(false);

        assertThat(processes.await(subscription)).isEqualTo(Outcome.HANDLED);
        assertThat(handled).hasSize(many + 1 + others);
        assertThat(handled.indexOf("one")).isLessThan(many);
        assertThat(handled.lastIndexOf("other")).isLessThan(many);
    }

    @SuppressWarnings("unchecked")
    private static <T extends Throwable> void throwUnchecked(Throwable failure) throws T {
        throw (T) failure;
    }

    /** Languages other than Java have classes that are neither an Exception nor an Error. */
    @Test
    void eventWhoseFilterThrowsAnyThrowableIsParked() throws InterruptedException {
        processes.store("a", 0);
        DurableSubscription subscription = processes
                .start()
                .subscriptions()
                .durable(
                        options().maxRetries(0).filter(Filter.matching(event -> {
                            DurableWaitingKeyTest.<RuntimeException>throwUnchecked(new Throwable("on purpose"));
                            return true;
                        })),
                        (event, context) -> handled.add(event.data()));

        assertThat(processes.await(subscription)).isEqualTo(Outcome.PARKED);
        assertThat(handled).isEmpty();
    }

    /** The command is set during the last attempt, whose failure is stored afterwards. */
    @Test
    void requeueDuringTheLastAttemptBeginsTheAttemptsAnew() throws InterruptedException {
        DurableSubscription subscription = processes
                .start()
                .subscriptions()
                .durable(options().maxRetries(1), (event, context) -> {
                    failOnceThenWait();
                    if (calls.get() <= 3) {
                        throw new IllegalStateException("on purpose");
                    }
                });
        processes.store("a", 0);
        await(retrying);

        assertThat(subscription.requeue("a")).isTrue();
        goOn.countDown();

        assertThat(processes.await(subscription)).isEqualTo(Outcome.HANDLED);
        assertThat(calls).hasValue(4);
    }

    /** The commit succeeds. A callback after it fails, and so does the query for its outcome. */
    @Test
    void committedRetryIsNotRepeatedIfItsOutcomeCannotBeRead() throws InterruptedException {
        database.execute("create table effects (n int)");
        AtomicReference<Thread> failing = new AtomicReference<>();
        DurableProcess process = processes.start();
        process.beforeBorrow(() -> {
            if (failing.compareAndSet(Thread.currentThread(), null)) {
                throw new EventStoreException("on purpose", new SQLException("statement timeout", "57014"));
            }
        });
        DurableSubscription subscription = process.subscriptions()
                .durable(options().delivery(Delivery.EXACTLY_ONCE), (event, context) -> {
                    int call = calls.incrementAndGet();
                    if (call == 1) {
                        throw new IllegalStateException("on purpose");
                    }
                    try (Borrowed borrowed = process.connections().borrow();
                            Statement statement = borrowed.connection().createStatement()) {
                        statement.execute("insert into effects values (1)");
                    }
                    if (call == 2) {
                        process.connections().afterCommit(() -> {
                            failing.set(Thread.currentThread());
                            throw new IllegalStateException("on purpose");
                        });
                    }
                });
        processes.store("a", 0);

        assertThat(processes.await(subscription)).isEqualTo(Outcome.HANDLED);
        assertThat(database.query("select count(*) from effects")).isEqualTo("1");
    }

    /** After a death, the handler of one partition is slow, and an attempt at a key of another one is due. */
    @Test
    void keyThatWaitsForAnotherPartitionCausesFewStatements() throws InterruptedException {
        DurableOptions options = options().partitions(4).backoff(Duration.ofMinutes(10), 1, Duration.ofMinutes(10));
        DurableProcess first = processes.startFailing(options);
        processes.store("key-0", "bad");
        Await.until(database, "select count(*) from synckit.events_parked", "1");
        first.die();
        first.awaitDeath();
        processes.store("key-8", "slow");
        AtomicInteger statements = new AtomicInteger();
        Thread operator = Thread.currentThread();
        DurableProcess second = processes.start();
        DurableSubscription subscription = second.subscriptions().durable(options, (event, context) -> {
            if (event.data().equals("slow")) {
                retrying.countDown();
                await(goOn);
            }
        });
        await(retrying);
        second.beforeBorrow(() -> {
            if (!DurableProcess.isOnCoordinatorThread() && Thread.currentThread() != operator) {
                statements.incrementAndGet();
            }
        });

        assertThat(subscription.requeueAll()).isEqualTo(1);

        // The key is tried after ten seconds, although the slow event is still handled.
        Await.until(() -> subscription.activity().stream()
                .anyMatch(partition -> partition.counts().handled() > 0));
        goOn.countDown();
        assertThat(statements).hasValueLessThan(100);
        assertThat(processes.await(subscription)).isEqualTo(Outcome.HANDLED);
    }

    /** The event in place was read together with one of the key before it, which is handled while the other one waits. */
    @ParameterizedTest
    @EnumSource(Delivery.class)
    void eventOfAWaitingKeyIsNotHandledAgainAfterTheOneInPlace(Delivery delivery) throws InterruptedException {
        processes.store("key", "first");
        DurableSubscription former = processes
                .startFailing(options().delivery(delivery).maxRetries(0))
                .subscriptions()
                .durable("numbers")
                .orElseThrow();
        Await.until(database, "select count(*) from synckit.events_parked where retry_at is null", "1");
        former.close();
        processes.store("key", "second");
        processes.store("other", "in place");
        AtomicBoolean fails = new AtomicBoolean(true);
        DurableOptions total =
                options().delivery(delivery).ordering(Ordering.TOTAL).onExhausted(OnExhausted.STOP);
        DurableSubscription subscription = processes
                .start()
                .subscriptions()
                .durable(total.maxRetries(100_000), (event, context) -> {
                    if (event.data().equals("in place") && fails.get()) {
                        throw new IllegalStateException("on purpose");
                    }
                    handled.add(event.data());
                });
        Await.until(() -> subscription.activity().get(0).state() == State.BACKING_OFF);

        assertThat(subscription.requeue("key")).isTrue();
        Await.until(database, "select count(*) from synckit.events_parked", "0");
        fails.set(false);

        assertThat(processes.await(subscription)).isEqualTo(Outcome.HANDLED);
        assertThat(handled).containsExactly("first", "second", "in place");
    }
}
