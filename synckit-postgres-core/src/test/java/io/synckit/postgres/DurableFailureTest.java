package io.synckit.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.synckit.Event;
import io.synckit.EventStoreException;
import io.synckit.Filter;
import io.synckit.StoredEvent;
import io.synckit.Version;
import io.synckit.postgres.testing.Await;
import io.synckit.postgres.testing.Collector;
import io.synckit.postgres.testing.DurableProcess;
import io.synckit.postgres.testing.DurableProcesses;
import io.synckit.postgres.testing.HandledEvents;
import io.synckit.postgres.testing.TestDatabase;
import io.synckit.postgres.testing.TestPostgres;
import io.synckit.subscription.DurableOptions;
import io.synckit.subscription.DurableOptions.Delivery;
import io.synckit.subscription.DurableOptions.OnExhausted;
import io.synckit.subscription.DurableOptions.Ordering;
import io.synckit.subscription.DurableStatus;
import io.synckit.subscription.DurableSubscription;
import io.synckit.subscription.DurableSubscription.Outcome;
import io.synckit.subscription.DurableSubscription.State;
import io.synckit.subscription.EventContext;
import io.synckit.subscription.ParkedKey;
import io.synckit.subscription.StartFrom;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Durable subscriptions whose handler, database or process fails. */
class DurableFailureTest {

    private static final Duration LONG = Duration.ofMinutes(4);

    @RegisterExtension
    private final TestDatabase database = TestPostgres.shared().migratedDatabase();

    private final DurableProcesses processes = new DurableProcesses(database);

    private final HandledEvents table = new HandledEvents(database);
    private PostgresEventStore store;

    @BeforeEach
    void open() {
        store = processes.store();
        table.createTable();
    }

    private static DurableOptions options(Delivery delivery) {
        return DurableOptions.named("numbers")
                .startFrom(StartFrom.beginning())
                .delivery(delivery)
                .backoff(Duration.ofMillis(20), 1, Duration.ofMillis(20));
    }

    private void store(int from, int to, int keys) {
        IntStream.range(from, to).forEach(i -> store.store(Event.of("key-" + i % keys, "T", i)));
    }

    private static void fail(String reason) {
        throw new IllegalStateException(reason);
    }

    @ParameterizedTest
    @EnumSource(Delivery.class)
    void failingKeyStepsAsideAndIsRetriedInOrder(Delivery delivery) throws InterruptedException {
        AtomicInteger failures = new AtomicInteger();
        DurableProcess process = processes.start();
        Collector<EventContext> contexts = new Collector<>();
        store(0, 30, 3);

        DurableSubscription subscription = process.subscriptions().durable(options(delivery), (event, context) -> {
            if (event.data().equals(4) && failures.incrementAndGet() <= 3) {
                fail("on purpose");
            }
            if (event.data().equals(4)) {
                contexts.add(context);
            }
            table.insert(process, event);
        });

        assertThat(subscription.await(store.latestVersion(), LONG)).isEqualTo(Outcome.HANDLED);
        table.assertOnceAndInOrder(30);
        // A failure in a batch is no attempt. Whether the event is in a batch depends on the speed of the server.
        assertThat(contexts.next().attempt()).isBetween(delivery == Delivery.EXACTLY_ONCE ? 3 : 4, 4);
        assertThat(subscription.parked(10)).isEmpty();
    }

    @ParameterizedTest
    @EnumSource(Delivery.class)
    void poisonEventParksItsKeyUntilItIsRequeued(Delivery delivery) throws InterruptedException {
        AtomicBoolean poison = new AtomicBoolean(true);
        DurableProcess process = processes.start();
        int events = delivery == Delivery.EXACTLY_ONCE ? 10_000 : 2_000;
        store.storeBatch(IntStream.range(0, events)
                .mapToObj(i -> Event.of("key-" + i % 100, "T", i))
                .toList());
        DurableSubscription subscription = process.subscriptions()
                .durable(options(delivery).maxRetries(2), (event, context) -> {
                    if (event.data().equals(23) && poison.get()) {
                        fail("poison");
                    }
                    table.insert(process, event);
                });

        assertThat(subscription.await(store.latestVersion(), LONG)).isEqualTo(Outcome.PARKED);
        assertThat(subscription.await(store.latestVersion(), "key-4", LONG)).isEqualTo(Outcome.HANDLED);
        ParkedKey parked = subscription.parked(10).get(0);
        assertThat(parked.key()).isEqualTo("key-23");
        assertThat(parked.next())
                .isEqualTo(store.load(Version.ZERO).events().get(23).version());
        assertThat(parked.attempts()).isEqualTo(3);
        assertThat(parked.isParked()).isTrue();
        assertThat(parked.failure()).contains("poison");
        assertThat(parked.failureType()).isEqualTo(IllegalStateException.class.getName());
        assertThat(database.query("select count(*) from handled")).isEqualTo(String.valueOf(events - events / 100));

        poison.set(false);
        assertThat(subscription.requeue("key-23")).isTrue();
        assertThat(subscription.await(store.latestVersion(), LONG)).isEqualTo(Outcome.HANDLED);
        table.assertOnceAndInOrder(events);
        assertThat(subscription.requeue("key-23")).isFalse();
    }

    @ParameterizedTest
    @EnumSource(Delivery.class)
    void parkedKeyIsReportedOnce(Delivery delivery) throws InterruptedException {
        Collector<ParkedKey> reported = new Collector<>();
        DurableProcess process = processes.start();
        store(0, 4, 2);
        DurableSubscription subscription = process.subscriptions()
                .durable(
                        options(delivery).maxRetries(1).onParked(key -> {
                            reported.add(key);
                            fail("the action fails, too");
                        }),
                        (event, context) -> {
                            if (event.aggregateId().equals("key-0")) {
                                fail("on purpose");
                            }
                        });

        assertThat(subscription.await(store.latestVersion(), LONG)).isEqualTo(Outcome.PARKED);
        // await() may return before the action is called, because the action runs after the commit.
        ParkedKey key = reported.next();
        assertThat(subscription.parked(10)).containsExactly(key);
        assertThat(key.key()).isEqualTo("key-0");
        assertThat(key.attempts()).isEqualTo(2);
        assertThat(key.failure()).contains("on purpose");
        assertThat(process.subscriptions().durable("numbers")).contains(subscription);
        assertThat(process.subscriptions().durable("others")).isEmpty();
        subscription.close();
        assertThat(reported.rest()).isEmpty();
    }

    @Test
    void skipOmitsOneEventAndDiscardAllEventsOfKey() throws InterruptedException {
        DurableProcess process = processes.start();
        store(0, 40, 4);
        DurableSubscription subscription = process.subscriptions()
                .durable(options(Delivery.EXACTLY_ONCE).maxRetries(0), (event, context) -> {
                    if (event.data().equals(1) || event.data().equals(2)) {
                        fail("on purpose");
                    }
                    table.insert(process, event);
                });
        assertThat(subscription.await(store.latestVersion(), LONG)).isEqualTo(Outcome.PARKED);

        assertThat(subscription.skip("key-1")).isTrue();
        assertThat(subscription.await(store.latestVersion(), "key-1", LONG)).isEqualTo(Outcome.HANDLED);
        assertThat(database.query("select count(*) from handled where key = 'key-1'"))
                .isEqualTo("9");
        assertThat(subscription.discard("key-2")).isTrue();
        assertThat(subscription.await(store.latestVersion(), LONG)).isEqualTo(Outcome.HANDLED);
        assertThat(database.query("select count(*) from handled where key = 'key-2'"))
                .isEqualTo("0");
    }

    @Test
    void commandOfAnotherProcessReachesTheOwner() throws InterruptedException {
        AtomicBoolean poison = new AtomicBoolean(true);
        DurableProcess owner = processes.start();
        store(0, 3, 3);
        DurableSubscription subscription = owner.subscriptions()
                .durable(options(Delivery.AT_LEAST_ONCE).maxRetries(0), (event, context) -> {
                    if (poison.get()) {
                        fail("on purpose");
                    }
                });
        assertThat(subscription.await(store.latestVersion(), LONG)).isEqualTo(Outcome.PARKED);
        Await.until(() -> subscription.parked(10).size() == 3);
        DurableSubscription elsewhere =
                processes.start().subscriptions().durable(options(Delivery.AT_LEAST_ONCE), (event, context) -> {});

        poison.set(false);
        assertThat(elsewhere.requeueAll()).isEqualTo(3);

        assertThat(elsewhere.await(store.latestVersion(), LONG)).isEqualTo(Outcome.HANDLED);
    }

    @Test
    void exhaustedEventIsSkippedIfSoConfigured() throws InterruptedException {
        DurableProcess process = processes.start();
        store(0, 20, 2);
        DurableSubscription subscription = process.subscriptions()
                .durable(
                        options(Delivery.EXACTLY_ONCE).maxRetries(1).onExhausted(OnExhausted.SKIP),
                        (event, context) -> {
                            if (event.data().equals(5)) {
                                fail("on purpose");
                            }
                            table.insert(process, event);
                        });

        assertThat(subscription.await(store.latestVersion(), LONG)).isEqualTo(Outcome.HANDLED);
        table.assertOnceAndInOrder(19);
        Await.until(() -> subscription.activity().get(0).counts().skipped() == 1);
    }

    @ParameterizedTest
    @EnumSource(Ordering.class)
    void stoppedPartitionContinuesWhenItIsResumed(Ordering ordering) throws InterruptedException {
        AtomicBoolean poison = new AtomicBoolean(true);
        DurableProcess process = processes.start();
        store(0, 20, 2);
        DurableSubscription subscription = process.subscriptions()
                .durable(
                        options(Delivery.EXACTLY_ONCE)
                                .ordering(ordering)
                                .maxRetries(1)
                                .onExhausted(OnExhausted.STOP),
                        (event, context) -> {
                            if (event.data().equals(5) && poison.get()) {
                                fail("on purpose");
                            }
                            table.insert(process, event);
                        });
        Await.until(() -> subscription.activity().get(0).state() == State.STOPPED);
        assertThat(subscription.activity().get(0).failure()).contains("on purpose");
        assertThat(subscription.status().partitions().get(0).stopped()).isTrue();

        poison.set(false);
        subscription.resume();

        assertThat(subscription.await(store.latestVersion(), LONG)).isEqualTo(Outcome.HANDLED);
        table.assertOnceAndInOrder(20);
    }

    @Test
    void totalOrderingWaitsWithTheFailingEvent() throws InterruptedException {
        AtomicInteger failures = new AtomicInteger();
        DurableProcess process = processes.start();
        Collector<Object> handled = new Collector<>();
        store(0, 20, 2);

        DurableSubscription subscription = process.subscriptions()
                .durable(
                        options(Delivery.AT_LEAST_ONCE).ordering(Ordering.TOTAL).onExhausted(OnExhausted.STOP),
                        (event, context) -> {
                            if (event.data().equals(5) && failures.incrementAndGet() <= 3) {
                                fail("on purpose");
                            }
                            handled.add(event.data());
                        });

        assertThat(subscription.await(store.latestVersion(), LONG)).isEqualTo(Outcome.HANDLED);
        assertThat(handled.rest())
                .isEqualTo(IntStream.range(0, 20).<Object>mapToObj(i -> i).toList());
    }

    /** No key waits, so there is nothing to skip by key. */
    @Test
    void moveSkipsTheEventAtWhichTotalOrderingHasStopped() throws InterruptedException {
        DurableProcess process = processes.start();
        Collector<Object> handled = new Collector<>();
        store(0, 5, 2);
        Version failing = store.store(Event.of("key-1", "T", 5)).version();
        store(6, 20, 2);
        DurableSubscription subscription = process.subscriptions()
                .durable(
                        options(Delivery.AT_LEAST_ONCE)
                                .ordering(Ordering.TOTAL)
                                .maxRetries(0)
                                .onExhausted(OnExhausted.STOP),
                        (event, context) -> {
                            if (event.version().equals(failing)) {
                                fail("on purpose");
                            }
                            handled.add(event.data());
                        });
        Await.until(() -> subscription.activity().get(0).state() == State.STOPPED);
        Await.until(() -> subscription
                .status()
                .position()
                .equals(subscription.activity().get(0).position()));
        DurableStatus status = subscription.status();
        assertThat(status.partitions().get(0).suspect()).isEqualTo(failing);
        assertThat(subscription.skip("key-1")).isFalse();

        subscription.moveTo(status.position(), failing);

        assertThat(subscription.await(store.latestVersion(), LONG)).isEqualTo(Outcome.HANDLED);
        assertThat(handled.rest())
                .isEqualTo(IntStream.range(0, 20)
                        .filter(i -> i != 5)
                        .<Object>mapToObj(i -> i)
                        .toList());
    }

    /** Every call fails for a while. Only the first keys step aside, and none is parked. */
    @Test
    void outageParksNothing() throws InterruptedException {
        AtomicBoolean outage = new AtomicBoolean(true);
        AtomicInteger calls = new AtomicInteger();
        DurableProcess process = processes.start();
        store(0, 200, 100);
        DurableSubscription subscription = process.subscriptions()
                .durable(
                        options(Delivery.EXACTLY_ONCE).backoff(Duration.ofMillis(50), 2, Duration.ofMillis(200)),
                        (event, context) -> {
                            calls.incrementAndGet();
                            if (outage.get()) {
                                fail("mail server is down");
                            }
                            table.insert(process, event);
                        });
        Await.until(() -> subscription.activity().get(0).state() == State.BACKING_OFF);
        int before = calls.get();
        Await.until(() -> calls.get() >= before + 5);

        assertThat(subscription.parked(1000)).hasSizeLessThan(10).noneMatch(ParkedKey::isParked);
        outage.set(false);
        assertThat(subscription.await(store.latestVersion(), LONG)).isEqualTo(Outcome.HANDLED);
        table.assertOnceAndInOrder(200);
        assertThat(subscription.activity().get(0).counts().parked()).isZero();
        assertThat(subscription.activity().get(0).state()).isEqualTo(State.RUNNING);
    }

    @Test
    void failingEventIsIsolatedFromItsBatch() throws InterruptedException {
        DurableProcess process = processes.start();
        store(0, 300, 50);
        DurableSubscription subscription = process.subscriptions()
                .durableBatches(options(Delivery.EXACTLY_ONCE).maxRetries(0), (events, context) -> {
                    for (StoredEvent event : events) {
                        table.insert(process, event);
                        if (event.data().equals(137)) {
                            fail("poison");
                        }
                    }
                });

        assertThat(subscription.await(store.latestVersion(), LONG)).isEqualTo(Outcome.PARKED);
        assertThat(subscription.parked(10)).extracting(ParkedKey::key).containsExactly("key-37");
        table.assertOnceAndInOrder(296);
    }

    /** The failure comes with the commit, so no event of the batch is known as its cause. */
    @Test
    void eventThatFailsAtTheCommitIsIsolated() throws InterruptedException {
        database.execute(
                "create table parts (id integer primary key)",
                "create table uses (part integer references parts deferrable initially deferred)",
                "insert into parts select n from generate_series(0, 99) n where n <> 57");
        DurableProcess process = processes.start();
        store(0, 100, 20);
        DurableSubscription subscription = process.subscriptions()
                .durable(options(Delivery.EXACTLY_ONCE).maxRetries(0), (event, context) -> {
                    table.insert(process, event);
                    try (var borrowed = process.connections().borrow();
                            Statement statement = borrowed.connection().createStatement()) {
                        statement.execute("insert into uses values (" + event.data() + ")");
                    }
                });

        assertThat(subscription.await(store.latestVersion(), LONG)).isEqualTo(Outcome.PARKED);
        assertThat(subscription.parked(10)).extracting(ParkedKey::key).containsExactly("key-17");
        table.assertOnceAndInOrder(97);
    }

    /** Row and checkpoint are one transaction: a failure between them must not lose the event. */
    @Test
    void eventIsNotLostIfItsKeyCannotBeParked() throws InterruptedException {
        AtomicBoolean poison = new AtomicBoolean(true);
        Collector<Integer> calls = new Collector<>();
        database.execute(
                "create function refuse() returns trigger language plpgsql as $$ begin raise exception 'no room'; end $$",
                "create trigger refuse before insert on synckit.events_parked for each row execute function refuse()");
        DurableProcess process = processes.start();
        store(0, 10, 2);
        DurableSubscription subscription = process.subscriptions()
                .durable(options(Delivery.EXACTLY_ONCE), (event, context) -> {
                    if (event.data().equals(4) && poison.get()) {
                        calls.add(4);
                        fail("on purpose");
                    }
                    table.insert(process, event);
                });
        calls.next(3);

        database.execute("drop trigger refuse on synckit.events_parked");
        poison.set(false);

        assertThat(subscription.await(store.latestVersion(), LONG)).isEqualTo(Outcome.HANDLED);
        table.assertOnceAndInOrder(10);
    }

    /** A successor must know the waiting keys before it handles their later events. */
    @Test
    void successorKeepsTheOrderOfAWaitingKey() throws InterruptedException {
        AtomicBoolean poison = new AtomicBoolean(true);
        DurableProcess first = processes.start();
        store(0, 4, 2);
        DurableSubscription subscription = first.subscriptions()
                .durable(options(Delivery.EXACTLY_ONCE).maxRetries(0), (event, context) -> fail("on purpose"));
        assertThat(subscription.await(store.latestVersion(), LONG)).isEqualTo(Outcome.PARKED);
        first.die();
        DurableProcess second = processes.start();
        DurableSubscription successor = second.subscriptions()
                .durable(options(Delivery.EXACTLY_ONCE).maxRetries(0), (event, context) -> {
                    if (poison.get() && event.data().equals(0)) {
                        fail("on purpose");
                    }
                    table.insert(second, event);
                });
        store(4, 10, 2);
        assertThat(successor.await(store.latestVersion(), LONG)).isEqualTo(Outcome.PARKED);
        assertThat(database.query("select count(*) from handled")).isEqualTo("0");

        poison.set(false);
        successor.requeueAll();

        assertThat(successor.await(store.latestVersion(), LONG)).isEqualTo(Outcome.HANDLED);
        table.assertOnceAndInOrder(10);
    }

    /** "Event v starts" is stored before the call, so the deaths of processes are counted. */
    @ParameterizedTest
    @EnumSource(Delivery.class)
    void eventThatKillsItsProcessIsParkedWhileOtherKeysFinish(Delivery delivery) throws InterruptedException {
        AtomicInteger deaths = new AtomicInteger();
        Set<Integer> handled = ConcurrentHashMap.newKeySet();
        store(0, 60, 6);
        DurableSubscription subscription = null;
        Outcome outcome = Outcome.TIMEOUT;
        while (outcome == Outcome.TIMEOUT && deaths.get() < 10) {
            DurableProcess process = processes.start();
            subscription = process.subscriptions().durable(options(delivery), (event, context) -> {
                if (event.data().equals(20)) {
                    deaths.incrementAndGet();
                    process.die();
                }
                table.insert(process, event);
                handled.add((Integer) event.data());
            });
            int before = deaths.get();
            Await.until(() -> deaths.get() > before || handled.size() == 53);
            if (deaths.get() == before) {
                outcome = subscription.await(store.latestVersion(), LONG);
            }
        }

        assertThat(outcome).isEqualTo(Outcome.PARKED);
        // The first death is not counted, because nothing was stored before the call.
        assertThat(deaths.get()).isEqualTo(4);
        assertThat(subscription.parked(10)).singleElement().satisfies(parked -> {
            assertThat(parked.key()).isEqualTo("key-2");
            assertThat(parked.failure()).contains("3 processes have died");
        });
        if (delivery == Delivery.EXACTLY_ONCE) {
            table.assertOnceAndInOrder(53);
        } else {
            assertThat(database.query("select count(distinct version) from handled"))
                    .isEqualTo("53");
        }
    }

    /** An event of a waiting key comes before it in the same page. */
    @Test
    void eventThatHasKilledTooOftenIsNotCalledAgain() throws InterruptedException {
        Collector<Object> called = new Collector<>();
        DurableProcess first = processes.start();
        DurableOptions options = options(Delivery.EXACTLY_ONCE).maxRetries(0);
        first.subscriptions().durable(options, (event, context) -> fail("on purpose"));
        store.store(Event.of("waiting", "T", 0));
        Await.until(database, "select count(*) from synckit.events_parked", "1");
        first.die();
        store.store(Event.of("waiting", "T", 1));
        store.store(Event.of("killer", "T", 2));
        store.store(Event.of("other", "T", 3));
        database.execute("update synckit.events_checkpoints set suspect = 3, deaths = 3");

        DurableSubscription successor = processes
                .start()
                .subscriptions()
                .durable(options.onExhausted(OnExhausted.SKIP), (event, context) -> called.add(event.data()));

        Await.until(() -> successor.activity().get(0).counts().skipped() == 1);
        assertThat(called.until(data -> data.equals(3))).isEqualTo(3);
        assertThat(called.rest()).doesNotContain(2);
        assertThat(successor.await(store.latestVersion(), "other", LONG)).isEqualTo(Outcome.HANDLED);
    }

    @Test
    void lostConnectionIsNotAnAttempt() throws InterruptedException {
        AtomicInteger failures = new AtomicInteger();
        DurableProcess process = processes.start();
        store(0, 20, 4);
        DurableSubscription subscription = process.subscriptions()
                .durable(options(Delivery.EXACTLY_ONCE).maxRetries(0), (event, context) -> {
                    table.insert(process, event);
                    if (event.data().equals(7) && failures.incrementAndGet() <= 2) {
                        database.query("select count(pg_terminate_backend(pid)) from pg_stat_activity where"
                                + " application_name = '" + process.name() + "'");
                    }
                });

        assertThat(subscription.await(store.latestVersion(), LONG)).isEqualTo(Outcome.HANDLED);
        table.assertOnceAndInOrder(20);
    }

    /** The keys are loaded several times until the next attempt. */
    @Test
    void outageOfAnotherDatabaseSkipsNoWaitingEvent() throws InterruptedException {
        AtomicBoolean down = new AtomicBoolean();
        AtomicInteger calls = new AtomicInteger();
        AtomicInteger callsOfSecond = new AtomicInteger();
        Collector<Object> handled = new Collector<>();
        DurableSubscription subscription = processes
                .start()
                .subscriptions()
                .durable(
                        options(Delivery.EXACTLY_ONCE)
                                .maxRetries(1)
                                .backoff(Duration.ofSeconds(3), 1, Duration.ofSeconds(3))
                                .onExhausted(OnExhausted.SKIP),
                        (event, context) -> {
                            int number = (event.data().equals("first") ? calls : callsOfSecond).incrementAndGet();
                            if (down.get()) {
                                throw new SQLException("the other database is down", "08001");
                            }
                            if (event.data().equals("first") && number == 1) {
                                fail("on purpose");
                            }
                            handled.add(event.data());
                        });
        store.store(Event.of("a", "T", "first"));
        Await.until(database, "select count(*) from synckit.events_parked", "1");
        down.set(true);
        Await.until(() -> calls.get() >= 2);
        store.store(Event.of("b", "T", "second"));
        Await.until(() -> callsOfSecond.get() >= 3);
        down.set(false);

        assertThat(subscription.await(store.latestVersion(), LONG)).isEqualTo(Outcome.HANDLED);
        assertThat(handled.rest()).containsExactlyInAnyOrder("first", "second");
        assertThat(subscription.activity().get(0).counts().skipped()).isZero();
    }

    @Test
    void serializationFailureIsRetriedAtOnce() throws InterruptedException {
        AtomicInteger failures = new AtomicInteger();
        DurableProcess process = processes.start();
        store(0, 5, 1);
        DurableSubscription subscription = process.subscriptions()
                .durable(options(Delivery.EXACTLY_ONCE).maxRetries(0), (event, context) -> {
                    table.insert(process, event);
                    if (event.data().equals(2) && failures.incrementAndGet() <= 4) {
                        throw new SQLException("conflict", "40001");
                    }
                });

        assertThat(subscription.await(store.latestVersion(), LONG)).isEqualTo(Outcome.HANDLED);
        table.assertOnceAndInOrder(5);
        assertThat(subscription.activity().get(0).counts().failed()).isZero();
    }

    /** Its transaction has committed, so the event must not be handled again. */
    @Test
    void failureAfterTheCommitRepeatsNothing() throws InterruptedException {
        AtomicInteger failures = new AtomicInteger();
        DurableProcess process = processes.start();
        store(0, 20, 4);
        DurableSubscription subscription = process.subscriptions()
                .durable(options(Delivery.EXACTLY_ONCE).maxRetries(2), (event, context) -> {
                    table.insert(process, event);
                    if (event.data().equals(9) && failures.incrementAndGet() == 1) {
                        fail("before the commit");
                    }
                    process.connections().afterCommit(() -> fail("after the commit"));
                });

        assertThat(subscription.await(store.latestVersion(), LONG)).isEqualTo(Outcome.HANDLED);
        table.assertOnceAndInOrder(20);
    }

    /** A stopped partition must not hinder the claim of others, also on servers that cannot subtract infinite times. */
    @Test
    void stoppedPartitionIsClaimedWithOthers() throws InterruptedException {
        DurableProcess process = processes.start();
        store(0, 4, 4);
        process.subscriptions()
                .durable(options(Delivery.AT_LEAST_ONCE), (event, context) -> {})
                .close();
        database.execute("update synckit.events_checkpoints set retry_at = 'infinity', failure = 'stopped'");
        DurableSubscription other = process.subscriptions()
                .durable(DurableOptions.named("other").startFrom(StartFrom.beginning()), (event, context) -> {});
        DurableSubscription stopped =
                process.subscriptions().durable(options(Delivery.AT_LEAST_ONCE), (event, context) -> {});

        Await.until(() -> stopped.activity().get(0).state() == State.STOPPED);
        assertThat(other.await(store.latestVersion(), LONG)).isEqualTo(Outcome.HANDLED);
    }

    @Test
    void throwingFilterIsAFailureOfTheEvent() throws InterruptedException {
        DurableProcess process = processes.start();
        store(0, 10, 2);
        DurableSubscription subscription = process.subscriptions()
                .durable(
                        options(Delivery.EXACTLY_ONCE).maxRetries(0).filter(Filter.matching(event -> {
                            if (event.data().equals(3)) {
                                throw new IllegalStateException("filter on purpose");
                            }
                            return true;
                        })),
                        (event, context) -> table.insert(process, event));

        assertThat(subscription.await(store.latestVersion(), LONG)).isEqualTo(Outcome.PARKED);
        assertThat(subscription.parked(10).get(0).failure()).contains("filter on purpose");
    }

    @Test
    void errorAndInterruptOfAHandlerDoNotStopThePartition() throws InterruptedException {
        Map<Object, Integer> calls = new ConcurrentHashMap<>();
        List<Boolean> interrupted = Collections.synchronizedList(new ArrayList<>());
        DurableProcess process = processes.start();
        store(0, 6, 6);
        DurableSubscription subscription = process.subscriptions()
                .durable(options(Delivery.AT_LEAST_ONCE), (event, context) -> {
                    interrupted.add(Thread.currentThread().isInterrupted());
                    Thread.currentThread().interrupt();
                    if (calls.merge(event.data(), 1, Integer::sum) == 1
                            && event.data().equals(2)) {
                        throw new AssertionError("on purpose");
                    }
                });

        assertThat(subscription.await(store.latestVersion(), LONG)).isEqualTo(Outcome.HANDLED);
        assertThat(interrupted).doesNotContain(true);
        assertThat(calls).containsEntry(2, 2);
    }

    @Test
    void changedHistoryStopsPartitionWithLaterCheckpoint() throws InterruptedException {
        DurableProcess process = processes.start();
        store(0, 10, 2);
        DurableSubscription subscription =
                process.subscriptions().durable(options(Delivery.AT_LEAST_ONCE), (event, context) -> {});
        Await.until(database, "select position from synckit.events_checkpoints", "10");

        database.execute(
                "begin; set local synckit.maintenance = 'on'; truncate synckit.events restart identity; commit");
        store(0, 3, 2);

        Await.until(() -> subscription.activity().get(0).state() == State.STOPPED);
        assertThat(subscription.activity().get(0).failure()).contains("has changed since");
        assertThatExceptionOfType(EventStoreException.class)
                .isThrownBy(subscription::resume)
                .withMessageContaining("call replay");
        assertThat(subscription.status().partitions().get(0).stopped()).isTrue();

        subscription.replay(Version.ZERO, () -> {});

        assertThat(subscription.await(store.latestVersion(), LONG)).isEqualTo(Outcome.HANDLED);
    }

    /** Versions are not given out again, so no checkpoint can skip an event. Live subscriptions end. */
    @ParameterizedTest
    @ValueSource(strings = {"truncate synckit.events", "delete from synckit.events where version = 10"})
    void deletedEventsStopNoPartition(String maintenance) throws InterruptedException {
        DurableProcess process = processes.start();
        store(0, 10, 2);
        DurableSubscription subscription = process.subscriptions()
                .durable(options(Delivery.EXACTLY_ONCE), (event, context) -> table.insert(process, event));
        assertThat(subscription.await(store.latestVersion(), LONG)).isEqualTo(Outcome.HANDLED);

        database.execute("begin; set local synckit.maintenance = 'on'; " + maintenance + "; commit");
        process.loseListener();
        process.findListener();
        Await.until(() -> process.listener().historyChange().isPresent());
        store(10, 11, 2);

        assertThat(subscription.await(Version.of(11), LONG)).isEqualTo(Outcome.HANDLED);
    }

    @Test
    void failureOfAStoppedPartitionIsKeptAfterAReconnect() {
        DurableProcess process = processes.start();
        DurableOptions options = options(Delivery.EXACTLY_ONCE).maxRetries(0).onExhausted(OnExhausted.STOP);
        DurableSubscription subscription = process.subscriptions().durable(options, (event, context) -> {
            throw new IllegalStateException("on purpose");
        });
        store(0, 1, 1);
        Await.until(() -> subscription.activity().get(0).state() == State.STOPPED);
        String epoch = database.query("select epoch from synckit.events_checkpoints");

        process.loseListener();
        process.findListener();

        Await.until(database, "select epoch > " + epoch + " from synckit.events_checkpoints", "t");
        Await.until(() -> subscription.activity().get(0).state() == State.STOPPED);
        assertThat(subscription.activity().get(0).failure()).contains("on purpose");
    }

    @Test
    void positionBeyondTheEndStopsThePartition() throws InterruptedException {
        DurableProcess process = processes.start();
        store(0, 2, 2);
        process.subscriptions()
                .durable(options(Delivery.AT_LEAST_ONCE), (event, context) -> {})
                .close();
        database.execute("update synckit.events_checkpoints set position = 1000");

        DurableSubscription subscription =
                process.subscriptions().durable(options(Delivery.AT_LEAST_ONCE), (event, context) -> {});

        Await.until(() -> subscription.activity().get(0).state() == State.STOPPED);
    }

    /** In at-least-once delivery, the checkpoint is stored after the handler has returned. */
    @Test
    void statusForgetsTheFailureOfAnEventThatWasHandled() throws InterruptedException {
        AtomicInteger calls = new AtomicInteger();
        DurableSubscription subscription = processes
                .start()
                .subscriptions()
                .durable(
                        DurableOptions.named("total")
                                .startFrom(StartFrom.beginning())
                                .delivery(Delivery.AT_LEAST_ONCE)
                                .ordering(Ordering.TOTAL)
                                .onExhausted(OnExhausted.STOP)
                                .backoff(Duration.ofMillis(20), 1, Duration.ofMillis(20)),
                        (event, context) -> {
                            if (calls.incrementAndGet() <= 3) {
                                fail("on purpose");
                            }
                        });
        store.store(Event.of("a", "T", 1));
        assertThat(subscription.await(store.latestVersion(), LONG)).isEqualTo(Outcome.HANDLED);

        Await.until(() -> subscription.status().position().equals(store.latestVersion()));

        DurableStatus.Partition partition = subscription.status().partitions().get(0);
        assertThat(partition.suspect()).isNull();
        assertThat(partition.attempts()).isZero();
        assertThat(partition.retryAt()).isNull();
        assertThat(partition.failure()).isNull();
    }

    /** The retries of the keys store the position, before it is flushed. */
    @Test
    void statusForgetsTheEventInPlaceAfterAnOutage() throws InterruptedException {
        AtomicBoolean outage = new AtomicBoolean(true);
        store(0, 10, 10);
        DurableSubscription subscription = processes
                .start()
                .subscriptions()
                .durable(
                        DurableOptions.named("numbers")
                                .startFrom(StartFrom.beginning())
                                .backoff(Duration.ofMillis(20), 1, Duration.ofMillis(20)),
                        (event, context) -> {
                            if (outage.get()) {
                                fail("on purpose");
                            }
                        });
        Await.until(() -> subscription.status().partitions().get(0).suspect() != null);

        outage.set(false);

        assertThat(subscription.await(store.latestVersion(), LONG)).isEqualTo(Outcome.HANDLED);
        Await.until(() -> subscription.status().position().equals(store.latestVersion()));
        assertThat(subscription.status().partitions().get(0).suspect()).isNull();
        assertThat(subscription.status().partitions().get(0).failure()).isNull();
    }

    @Test
    void failureThatCannotBeExaminedIsAnAttempt() throws InterruptedException {
        AtomicInteger calls = new AtomicInteger();
        DurableSubscription subscription = processes
                .start()
                .subscriptions()
                .durable(options(Delivery.EXACTLY_ONCE).maxRetries(1), (event, context) -> {
                    calls.incrementAndGet();
                    throw new FailureThatCannotBeExamined();
                });
        store(0, 1, 1);

        assertThat(subscription.await(store.latestVersion(), LONG)).isEqualTo(Outcome.PARKED);
        assertThat(calls).hasValue(2);
    }

    private static final class FailureThatCannotBeExamined extends RuntimeException {

        private static final long serialVersionUID = 1;

        @Override
        public synchronized Throwable getCause() {
            throw this;
        }
    }
}
