package io.synckit.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import io.synckit.Event;
import io.synckit.Filter;
import io.synckit.StoredEvent;
import io.synckit.Version;
import io.synckit.postgres.testing.Await;
import io.synckit.postgres.testing.DurableProcess;
import io.synckit.postgres.testing.DurableProcesses;
import io.synckit.postgres.testing.TestDatabase;
import io.synckit.postgres.testing.TestPostgres;
import io.synckit.subscription.DurableEventHandler;
import io.synckit.subscription.DurableOptions;
import io.synckit.subscription.DurableOptions.Delivery;
import io.synckit.subscription.DurableOptions.OnExhausted;
import io.synckit.subscription.DurableOptions.Ordering;
import io.synckit.subscription.DurableSubscription;
import io.synckit.subscription.DurableSubscription.Outcome;
import io.synckit.subscription.DurableSubscription.PartitionActivity;
import io.synckit.subscription.DurableSubscription.State;
import io.synckit.subscription.StartFrom;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Waiting for a version, in the process that owns the partition and in another one. */
class DurableAwaitTest {

    private static final Duration LONG = Duration.ofMinutes(4);

    /** Shorter than the minute after which a position is stored although no process waits. */
    private static final Duration SHORT = Duration.ofSeconds(30);

    /** A key of each of four partitions. */
    private static final List<String> KEYS = List.of("key-0", "key-8", "key-1", "key-4");

    @RegisterExtension
    private final TestDatabase database = TestPostgres.shared().migratedDatabase();

    private final DurableProcesses processes = new DurableProcesses(database);

    private final ExecutorService waiters = Executors.newCachedThreadPool();

    @AfterEach
    void shutDown() {
        waiters.shutdownNow();
    }

    private Version store(String aggregateId, String type) {
        processes.store().store(Event.of(aggregateId, type, type));
        return processes.store().latestVersion();
    }

    private static DurableOptions options() {
        return DurableOptions.named("numbers")
                .startFrom(StartFrom.beginning())
                .delivery(Delivery.EXACTLY_ONCE)
                .filter(Filter.types("Selected"));
    }

    private CompletableFuture<Outcome> await(DurableSubscription subscription, Version version, Duration timeout) {
        return inBackground(() -> subscription.await(version, timeout));
    }

    private CompletableFuture<Outcome> inBackground(Callable<Outcome> wait) {
        return CompletableFuture.supplyAsync(
                () -> {
                    try {
                        return wait.call();
                    } catch (Exception e) {
                        throw new IllegalStateException(e);
                    }
                },
                waiters);
    }

    /** The subscription is paused when the wait begins. The process that owned the partition before gets it again. */
    @Test
    void waitThatBeginsBeforeTheOwnerIsAnswered() throws Exception {
        DurableProcess owner = processes.start();
        DurableSubscription owned = owner.subscriptions().durable(options(), (event, context) -> {});
        Await.until(() -> owned.activity().get(0).state() == State.RUNNING);
        DurableProcess other = processes.start();
        DurableSubscription elsewhere = other.subscriptions().durable(options(), (event, context) -> {});
        elsewhere.pause();
        Version version = store("a", "T");
        CountDownLatch queries = new CountDownLatch(4);
        other.beforeBorrow(() -> {
            if (!DurableProcess.isOnCoordinatorThread()) {
                queries.countDown();
            }
        });

        CompletableFuture<Outcome> outcome = await(elsewhere, version, SHORT);
        assertThat(queries.await(4, TimeUnit.MINUTES)).isTrue();
        elsewhere.resume();

        assertThat(outcome.get(4, TimeUnit.MINUTES)).isEqualTo(Outcome.HANDLED);
    }

    /** Only the partition of the key matters. */
    @Test
    void waitForAKeyIsAnsweredAlthoughAnotherPartitionHasStopped() throws Exception {
        DurableOptions options = options().partitions(KEYS.size()).maxRetries(0).onExhausted(OnExhausted.STOP);
        DurableSubscription owned = startFailing(options);
        DurableSubscription elsewhere = startFailing(options);
        Await.until(() ->
                ownedPartitions(owned).size() == 2 && ownedPartitions(elsewhere).size() == 2);
        int stopped = ownedPartitions(owned).get(0);
        int running = ownedPartitions(owned).get(1);
        store(KEYS.get(stopped), "Selected");
        Await.until(() -> owned.activity().get(stopped).state() == State.STOPPED);
        String key = KEYS.get(running);
        Version version = store(key, "T");
        Await.until(() -> owned.activity().get(running).position().compareTo(version) >= 0);

        assertThat(elsewhere.await(version, key, SHORT)).isEqualTo(Outcome.HANDLED);
    }

    private DurableSubscription startFailing(DurableOptions options) {
        return processes.start().subscriptions().durable(options, (event, context) -> {
            throw new IllegalStateException("on purpose");
        });
    }

    private static List<Integer> ownedPartitions(DurableSubscription subscription) {
        return subscription.activity().stream()
                .filter(partition -> partition.state() != State.NOT_OWNED)
                .map(PartitionActivity::partition)
                .toList();
    }

    /** The handler of the owner locks the row, so no position can be stored. The attempts to store it do not add up. */
    @Test
    void manyWaitsCauseFewStatementsOfTheOwner() throws Exception {
        int waits = 20;
        CountDownLatch goOn = new CountDownLatch(1);
        CountDownLatch running = new CountDownLatch(1);
        DurableProcess owner = processes.start();
        DurableSubscription owned = owner.subscriptions().durable(options(), (event, context) -> {
            running.countDown();
            goOn.await(LONG.toSeconds(), TimeUnit.SECONDS);
        });
        Await.until(() -> owned.activity().get(0).state() == State.RUNNING);
        DurableSubscription elsewhere = processes.start().subscriptions().durable(options(), (event, context) -> {});
        List<Version> versions =
                Stream.generate(() -> store("a", "T")).limit(waits).toList();
        Await.until(() -> owned.activity().get(0).position().equals(versions.get(waits - 1)));
        store("a", "Selected");
        assertThat(running.await(4, TimeUnit.MINUTES)).isTrue();
        AtomicInteger statements = new AtomicInteger();
        owner.beforeBorrow(() -> {
            if (DurableProcess.isOnCoordinatorThread()) {
                statements.incrementAndGet();
            }
        });

        List<CompletableFuture<Outcome>> outcomes = versions.stream()
                .map(version -> await(elsewhere, version, Duration.ofSeconds(2)))
                .toList();

        for (CompletableFuture<Outcome> outcome : outcomes) {
            assertThat(outcome.get(4, TimeUnit.MINUTES)).isEqualTo(Outcome.TIMEOUT);
        }
        goOn.countDown();
        assertThat(statements).hasValueLessThan(100);
    }

    /** The handler of one partition locks its row, while another partition of the owner handles many events. */
    @Test
    void waitForALockedPartitionCausesFewStatements() throws Exception {
        int events = 500;
        CountDownLatch goOn = new CountDownLatch(1);
        CountDownLatch running = new CountDownLatch(1);
        AtomicInteger handled = new AtomicInteger();
        DurableOptions options = options().partitions(KEYS.size()).maxBatch(1);
        DurableEventHandler handler = (event, context) -> {
            if (event.aggregateId().equals("slow")) {
                running.countDown();
                goOn.await(LONG.toSeconds(), TimeUnit.SECONDS);
            } else {
                handled.incrementAndGet();
            }
        };
        DurableProcess owner = processes.start();
        DurableSubscription owned = owner.subscriptions().durable(options.keyedBy(DurableAwaitTest::key), handler);
        DurableSubscription elsewhere =
                processes.start().subscriptions().durable(options.keyedBy(DurableAwaitTest::key), handler);
        Await.until(() ->
                ownedPartitions(owned).size() == 2 && ownedPartitions(elsewhere).size() == 2);
        List<Integer> mine = ownedPartitions(owned);
        Version version = store("a", "T");
        Await.until(() -> mine.stream()
                .allMatch(
                        partition -> owned.activity().get(partition).position().compareTo(version) >= 0));
        processes.store().store(Event.of("slow", "Selected", KEYS.get(mine.get(0))));
        assertThat(running.await(4, TimeUnit.MINUTES)).isTrue();
        AtomicInteger statements = new AtomicInteger();
        owner.beforeBorrow(() -> {
            if (DurableProcess.isOnCoordinatorThread()) {
                statements.incrementAndGet();
            }
        });
        CompletableFuture<Outcome> outcome = inBackground(() -> elsewhere.await(version, KEYS.get(mine.get(0)), LONG));
        Await.until(() -> statements.get() > 0);

        processes
                .store()
                .storeBatch(Stream.generate(() -> Event.of("quick", "Selected", KEYS.get(mine.get(1))))
                        .limit(events)
                        .toList());

        Await.until(() -> handled.get() == events);
        assertThat(statements).hasValueLessThan(events / 5);
        goOn.countDown();
        assertThat(outcome.get(4, TimeUnit.MINUTES)).isEqualTo(Outcome.HANDLED);
    }

    /** The payload of these events is their key. */
    private static String key(StoredEvent event) {
        return String.valueOf(event.data());
    }

    /** The key of the awaited event waits for minutes, while many others are handled. */
    @Test
    void waitingDoesNotReadTablesWithEachEventThatIsHandled() throws Exception {
        int events = 500;
        AtomicInteger handled = new AtomicInteger();
        AtomicBoolean counts = new AtomicBoolean();
        AtomicInteger queries = new AtomicInteger();
        DurableProcess process = processes.start();
        DurableSubscription subscription = process.subscriptions()
                .durable(
                        DurableOptions.named("numbers")
                                .startFrom(StartFrom.beginning())
                                .delivery(Delivery.EXACTLY_ONCE)
                                .maxBatch(1)
                                .backoff(Duration.ofMinutes(10), 1, Duration.ofMinutes(10)),
                        (event, context) -> {
                            if (event.data().equals("bad")) {
                                throw new IllegalStateException("on purpose");
                            }
                            handled.incrementAndGet();
                        });
        Version bad = store("bad", "bad");
        Await.until(database, "select count(*) from synckit.events_parked", "1");
        CountDownLatch waiting = new CountDownLatch(1);
        process.beforeBorrow(() -> {
            if (counts.get() && Thread.currentThread().getName().startsWith("pool-")) {
                queries.incrementAndGet();
                waiting.countDown();
            }
        });
        counts.set(true);
        CompletableFuture<Outcome> outcome = await(subscription, bad, LONG);
        assertThat(waiting.await(4, TimeUnit.MINUTES)).isTrue();

        processes
                .store()
                .storeBatch(Stream.generate(() -> Event.of("good", "T", "good"))
                        .limit(events)
                        .toList());
        Await.until(() -> handled.get() == events);
        counts.set(false);

        assertThat(queries).hasValueLessThan(events / 5);
        assertThat(subscription.discard("bad")).isTrue();
        assertThat(outcome.get(4, TimeUnit.MINUTES)).isEqualTo(Outcome.HANDLED);
    }

    /** Another process waits for 1200 later versions, which are not reached. */
    @Test
    void waitForAnEarlyVersionIsAnswered() throws Exception {
        DurableOptions options = options()
                .ordering(Ordering.TOTAL)
                .onExhausted(OnExhausted.STOP)
                .backoff(Duration.ofMinutes(10), 1, Duration.ofMinutes(10));
        DurableSubscription owned = startFailing(options);
        Await.until(() -> owned.activity().get(0).state() == State.RUNNING);
        DurableProcess other = processes.start();
        DurableSubscription elsewhere = other.subscriptions().durable(options, (event, context) -> {});
        Version early = store("a", "T");
        Await.until(() -> owned.activity().get(0).position().equals(early));
        Version selected = store("a", "Selected");
        Await.until(() -> owned.activity().get(0).state() == State.BACKING_OFF);
        List<CompletableFuture<Outcome>> others = IntStream.rangeClosed(1, 40)
                .mapToObj(n -> inBackground(() -> {
                    for (int i = 0; i < 30; i++) {
                        elsewhere.await(Version.of(selected.value() + 30 * n + i), Duration.ofMillis(50));
                    }
                    return Outcome.TIMEOUT;
                }))
                .toList();
        for (CompletableFuture<Outcome> waits : others) {
            waits.get(4, TimeUnit.MINUTES);
        }

        assertThat(elsewhere.await(early, SHORT)).isEqualTo(Outcome.HANDLED);
    }

    /** No event is selected. The owner reads such an event at once, instead of once a second, if another process waits for it. */
    @Test
    void waitThatBeginsBeforeTheEventIsAnsweredSoon() throws Exception {
        DurableSubscription owned = processes.start().subscriptions().durable(options(), (event, context) -> {});
        Await.until(() -> owned.activity().get(0).state() == State.RUNNING);
        DurableProcess other = processes.start();
        DurableSubscription elsewhere = other.subscriptions().durable(options(), (event, context) -> {});
        boolean soon = false;
        for (int i = 0; i < 20 && !soon; i++) {
            CountDownLatch queries = new CountDownLatch(3);
            other.beforeBorrow(() -> {
                if (!DurableProcess.isOnCoordinatorThread()) {
                    queries.countDown();
                }
            });
            Version next = Version.of(processes.store().latestVersion().value() + 1);
            CompletableFuture<Outcome> outcome = await(elsewhere, next, Duration.ofMillis(700));
            // The third query follows the signal, so the owner receives the signal before the event.
            assertThat(queries.await(4, TimeUnit.MINUTES)).isTrue();
            assertThat(store("a", "T")).isEqualTo(next);
            soon = outcome.get(4, TimeUnit.MINUTES) == Outcome.HANDLED;
            Await.until(() -> owned.activity().get(0).position().equals(next));
        }

        assertThat(soon).isTrue();
    }

    /** No selected event is before the failing one. The position is stored with the failure, so a wait for it needs no answer. */
    @Test
    void positionIsStoredWithAFailureInPlace() {
        DurableSubscription owned = startFailing(options()
                .ordering(Ordering.TOTAL)
                .onExhausted(OnExhausted.STOP)
                .backoff(Duration.ofMinutes(10), 1, Duration.ofMinutes(10)));
        Await.until(() -> owned.activity().get(0).state() == State.RUNNING);
        Version early = store("a", "T");
        Await.until(() -> owned.activity().get(0).position().equals(early));
        store("a", "Selected");
        Await.until(() -> owned.activity().get(0).state() == State.BACKING_OFF);

        assertThat(owned.status().position()).isEqualTo(early);
    }

    /** The partition waits at the next event. The one before it does not match. */
    @ParameterizedTest
    @EnumSource(
            value = State.class,
            names = {"STOPPED", "BACKING_OFF"})
    void waitForAnEventBeforeAFailedOneIsAnswered(State state) throws InterruptedException {
        Version before = store("a", "T");
        store("a", "Selected");
        DurableOptions options = options()
                .ordering(Ordering.TOTAL)
                .onExhausted(OnExhausted.STOP)
                .maxRetries(state == State.STOPPED ? 0 : 9)
                .backoff(LONG, 1, LONG);
        DurableSubscription subscription = processes
                .startFailing(options)
                .subscriptions()
                .durable("numbers")
                .orElseThrow();
        Await.until(() -> subscription.activity().get(0).state() == state);

        assertThat(subscription.await(before, LONG)).isEqualTo(Outcome.HANDLED);
        assertThat(subscription.status().partitions().get(0).position()).isEqualTo(before);
    }

    @Test
    void waitForAnEventOfAnotherPartitionThanTheStoppedOneIsAnswered() throws InterruptedException {
        store(KEYS.get(0), "Selected");
        Version before = store(KEYS.get(1), "Selected");
        Version failing = store(KEYS.get(0), "Selected");
        DurableSubscription subscription = processes
                .start()
                .subscriptions()
                .durable(
                        options().partitions(KEYS.size()).maxRetries(0).onExhausted(OnExhausted.STOP),
                        (event, context) -> {
                            if (event.version().equals(failing)) {
                                throw new IllegalStateException("on purpose");
                            }
                        });
        Await.until(() -> subscription.activity().stream().anyMatch(partition -> partition.state() == State.STOPPED));

        assertThat(subscription.await(before, LONG)).isEqualTo(Outcome.HANDLED);
    }

    @Test
    void timeoutMayBeEndless() throws InterruptedException {
        DurableSubscription subscription = processes.start().subscriptions().durable(options(), (event, context) -> {});

        assertThat(subscription.await(store("a", "Selected"), Duration.ofSeconds(Long.MAX_VALUE)))
                .isEqualTo(Outcome.HANDLED);
    }

    /** In at-least-once delivery, the partition continues although its row is locked, for example by a long replay. */
    @Test
    void waitForAPartitionThatAnOperatorLocksCausesFewStatements() throws Exception {
        int events = 1000;
        AtomicInteger handled = new AtomicInteger();
        DurableOptions options = options().delivery(Delivery.AT_LEAST_ONCE);
        DurableEventHandler handler = (event, context) -> {
            LockSupport.parkNanos(1_000_000); // each event is a move of its own
            handled.incrementAndGet();
        };
        DurableProcess owner = processes.start();
        DurableSubscription owned = owner.subscriptions().durable(options, handler);
        Await.until(() -> ownedPartitions(owned).size() == 1);
        DurableSubscription elsewhere = processes.start().subscriptions().durable(options, handler);
        Version version = store("a", "Selected");
        Await.until(() -> owned.activity().get(0).position().equals(version));
        AtomicInteger statements = new AtomicInteger();
        CountDownLatch locked = new CountDownLatch(1);
        CountDownLatch goOn = new CountDownLatch(1);
        CompletableFuture<Void> replay = CompletableFuture.runAsync(
                () -> elsewhere.replay(Version.ZERO, () -> {
                    locked.countDown();
                    Await.latch(goOn);
                }),
                waiters);
        Await.latch(locked);
        Version next = store("a", "Selected");
        await(elsewhere, next, LONG);
        Await.until(() -> owned.activity().get(0).position().equals(next));
        owner.beforeBorrow(statements::incrementAndGet);
        Await.until(() -> statements.get() > 0);

        processes
                .store()
                .storeBatch(Stream.generate(() -> Event.of("a", "Selected", "burst"))
                        .limit(events)
                        .toList());

        Await.until(() -> handled.get() >= events);
        assertThat(statements).hasValueLessThan(events / 2);
        goOn.countDown();
        replay.get(4, TimeUnit.MINUTES);
    }
}
