package io.synckit.postgres;

import static io.synckit.postgres.testing.InThread.inThread;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.synckit.Event;
import io.synckit.EventStoreException;
import io.synckit.Version;
import io.synckit.postgres.internal.sql.PartitionClaims;
import io.synckit.postgres.internal.sql.PartitionId;
import io.synckit.postgres.internal.sql.TableName;
import io.synckit.postgres.testing.Await;
import io.synckit.postgres.testing.CallersTransaction;
import io.synckit.postgres.testing.Collector;
import io.synckit.postgres.testing.DurableProcess;
import io.synckit.postgres.testing.DurableProcesses;
import io.synckit.postgres.testing.TestDatabase;
import io.synckit.postgres.testing.TestPostgres;
import io.synckit.subscription.DurableOptions;
import io.synckit.subscription.DurableOptions.Delivery;
import io.synckit.subscription.DurableOptions.OnExhausted;
import io.synckit.subscription.DurableSubscription;
import io.synckit.subscription.DurableSubscription.Outcome;
import io.synckit.subscription.DurableSubscription.State;
import io.synckit.subscription.LiveOptions;
import io.synckit.subscription.StartFrom;
import java.sql.Connection;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Start, stop and pause of durable subscriptions while handlers run, and what is stored about positions and keys meanwhile. */
class DurableLifecycleTest {

    private static final Duration LONG = Duration.ofMinutes(4);

    @RegisterExtension
    private final TestDatabase database = TestPostgres.shared().migratedDatabase();

    private final DurableProcesses processes = new DurableProcesses(database);

    private PostgresEventStore store;

    @BeforeEach
    void open() {
        store = processes.store();
    }

    private static DurableOptions options() {
        return DurableOptions.named("numbers")
                .startFrom(StartFrom.beginning())
                .backoff(Duration.ofMillis(20), 1, Duration.ofMillis(20));
    }

    private void store(int from, int to) {
        IntStream.range(from, to).forEach(i -> store.store(Event.of("key-" + i % 2, "T", i)));
    }

    private static boolean await(CountDownLatch latch) {
        try {
            return latch.await(4, TimeUnit.MINUTES);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    private static boolean isCoordinator() {
        return Thread.currentThread().getName().startsWith("synckit-durable");
    }

    private String position() {
        return database.query("select position from synckit.events_checkpoints");
    }

    @Test
    void startDuringAGracefulStopTakesEffectAfterIt() throws Exception {
        CountDownLatch handling = new CountDownLatch(1);
        CountDownLatch goOn = new CountDownLatch(1);
        store(0, 1);
        DurableProcess process = processes.start();
        DurableSubscription subscription = process.subscriptions().durable(options(), (event, context) -> {
            handling.countDown();
            await(goOn);
        });
        assertThat(await(handling)).isTrue();

        CompletableFuture<Void> stopped = process.listener().stopGracefully();
        process.listener().start();
        goOn.countDown();
        stopped.get(4, TimeUnit.MINUTES);
        store(1, 3);

        assertThat(subscription.await(store.latestVersion(), LONG)).isEqualTo(Outcome.HANDLED);
        assertThat(process.listener().isConnected()).isTrue();
    }

    @Test
    void durableHandlerMayWaitForTheStopOfItsListener() throws InterruptedException {
        Collector<String> stops = new Collector<>();
        store(0, 1);
        DurableProcess process = processes.start();
        process.subscriptions().durable(options(), (event, context) -> {
            process.listener().stopGracefully().join();
            stops.add("stopped");
        });

        assertThat(stops.next()).isEqualTo("stopped");
    }

    @Test
    void closeDuringAGracefulStopLeavesNoProcess() {
        CountDownLatch handling = new CountDownLatch(1);
        CountDownLatch goOn = new CountDownLatch(1);
        store(0, 1);
        DurableProcess process = processes.start(builder -> builder.closeTimeout(Duration.ofMillis(200)));
        process.subscriptions().durable(options(), (event, context) -> {
            handling.countDown();
            await(goOn);
        });
        assertThat(await(handling)).isTrue();

        process.listener().stopGracefully();
        process.listener().close();

        Await.until(
                database,
                "select count(*) from pg_locks where locktype = 'advisory' and objid in (select id from synckit.events_instances)",
                "0");
        goOn.countDown();
    }

    /** The check has read the rows, and claims after the stop has begun. */
    @Test
    void partitionThatIsClaimedDuringAStopIsGivenBack() throws Exception {
        CountDownLatch claiming = new CountDownLatch(1);
        CountDownLatch goOn = new CountDownLatch(1);
        AtomicInteger borrows = new AtomicInteger();
        DurableProcess process = processes.start();
        process.beforeBorrow(() -> {
            // The first connection of the coordinator announces the process, the second one reads the rows, the third
            // one claims.
            if (isCoordinator() && borrows.incrementAndGet() == 3) {
                claiming.countDown();
                await(goOn);
            }
        });
        process.subscriptions().durable(options(), (event, context) -> {});
        assertThat(await(claiming)).isTrue();

        Thread stop = new Thread(process.listener()::stop);
        stop.start();
        Await.until(() -> stop.getState() == Thread.State.TIMED_WAITING);
        goOn.countDown();
        stop.join();

        assertThat(database.query("select epoch > 0 and owner is null from synckit.events_checkpoints"))
                .isEqualTo("t");
        assertThat(database.query("select count(*) from synckit.events_instances"))
                .isEqualTo("0");
    }

    /** The transaction of the handler holds the row, so the pause must end the session. */
    @Test
    void pauseEndsTheSessionOfAHandlerThatHangs() throws InterruptedException {
        CountDownLatch handling = new CountDownLatch(1);
        CountDownLatch goOn = new CountDownLatch(1);
        AtomicInteger calls = new AtomicInteger();
        store(0, 1);
        DurableProcess process = processes.start(builder -> builder.closeTimeout(Duration.ofMillis(200)));
        DurableSubscription subscription = process.subscriptions()
                .durable(options().delivery(Delivery.EXACTLY_ONCE), (event, context) -> {
                    if (calls.incrementAndGet() == 1) {
                        handling.countDown();
                        await(goOn);
                    }
                });
        assertThat(await(handling)).isTrue();

        subscription.pause();

        assertThat(position()).isEqualTo("0");
        // The call still hangs, but nothing that it writes can commit.
        subscription.resume();
        assertThat(subscription.await(store.latestVersion(), LONG)).isEqualTo(Outcome.HANDLED);
        assertThat(calls.get()).isEqualTo(2);
        goOn.countDown();
    }

    @Test
    void pauseWaitsForAClaimThatHasBegunBefore() throws Exception {
        DurableProcess process = processes.start(builder -> builder.closeTimeout(Duration.ofMillis(200)));
        DurableSubscription subscription = process.subscriptions().durable(options(), (event, context) -> {});
        Await.until(database, "select count(owner) from synckit.events_checkpoints", "1");
        PartitionClaims claims = new PartitionClaims(new TableName("synckit", "events"));
        try (Connection claiming = database.connect()) {
            claiming.setAutoCommit(false);
            // Clears the owner in the transaction of the claim, so that the process itself cannot claim first.
            try (Statement statement = claiming.createStatement()) {
                statement.execute("update synckit.events_checkpoints set owner = null, epoch = epoch + 1");
            }
            assertThat(claims.claim(claiming, 77, List.of(new PartitionId("numbers", 0)), List.of()))
                    .hasSize(1);
            Thread pause = new Thread(() -> {
                try {
                    subscription.pause();
                } catch (InterruptedException e) {
                    throw new IllegalStateException(e);
                }
            });
            pause.start();
            Await.until(
                    database,
                    "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
                    "1");
            claiming.commit();
            pause.join();
        }

        assertThat(database.query("select owner is null and (select paused from synckit.events_subscriptions)"
                        + " from synckit.events_checkpoints"))
                .isEqualTo("t");
    }

    @Test
    void resumeDuringAPauseEndsThePause() throws Exception {
        CountDownLatch handling = new CountDownLatch(1);
        CountDownLatch goOn = new CountDownLatch(1);
        store(0, 1);
        DurableSubscription subscription = processes.start().subscriptions().durable(options(), (event, context) -> {
            handling.countDown();
            await(goOn);
        });
        assertThat(await(handling)).isTrue();
        CompletableFuture<Void> pause = inThread(() -> {
            try {
                subscription.pause();
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
        });
        Await.until(database, "select paused from synckit.events_subscriptions", "t");

        subscription.resume();

        assertThat(pause)
                .failsWithin(Duration.ofMinutes(4))
                .withThrowableThat()
                .withMessageContaining("was resumed while pause() waited");
        goOn.countDown();
        assertThat(subscription.await(store.latestVersion(), LONG)).isEqualTo(Outcome.HANDLED);
    }

    @Test
    void replayFailsByNameIfAHandlerHangs() {
        CountDownLatch handling = new CountDownLatch(1);
        CountDownLatch goOn = new CountDownLatch(1);
        store(0, 1);
        DurableSubscription subscription = processes
                .start(builder -> builder.closeTimeout(Duration.ofMillis(200)))
                .subscriptions()
                .durable(options().delivery(Delivery.EXACTLY_ONCE), (event, context) -> {
                    handling.countDown();
                    await(goOn);
                });
        assertThat(await(handling)).isTrue();

        assertThatThrownBy(() -> subscription.replay(Version.ZERO, () -> {}))
                .isInstanceOf(EventStoreException.class)
                .hasMessageContaining("pause the subscription first");
        assertThatThrownBy(() -> subscription.moveTo(Version.ZERO, Version.ZERO))
                .isInstanceOf(EventStoreException.class)
                .hasMessageContaining("pause the subscription first");
        goOn.countDown();
    }

    /** The statement that inserts the row of the process waits for another session. */
    @Test
    void statementOfTheListenerThatHangsIsEnded() throws Exception {
        Collector<Object> received = new Collector<>();
        DurableProcess process = processes.start(builder -> builder.longestCall(Duration.ofSeconds(1)));
        process.subscriptions().live(LiveOptions.named("live"), event -> received.add(event.data()));
        store(0, 1);
        assertThat(received.next()).isEqualTo(0);
        try (CallersTransaction blocker = CallersTransaction.begin(database)) {
            blocker.execute("lock table synckit.events_instances in share row exclusive mode");
            DurableSubscription subscription = process.subscriptions().durable(options(), (event, context) -> {});
            Await.until(
                    database,
                    "select count(*) > 0 from pg_locks where relation = 'synckit.events_instances'::regclass and not granted",
                    "t");
            store(1, 2);

            assertThat(received.next()).isEqualTo(1);
            blocker.rollback();
            assertThat(subscription.await(store.latestVersion(), LONG)).isEqualTo(Outcome.HANDLED);
        }
    }

    /** Longer than any other statement may take. */
    @Test
    void moveWaitsForARunningCall() throws Exception {
        CountDownLatch handling = new CountDownLatch(1);
        CountDownLatch goOn = new CountDownLatch(1);
        store(0, 1);
        DurableSubscription subscription = processes
                .start(builder -> builder.longestCall(Duration.ofSeconds(1)))
                .subscriptions()
                .durable(options().delivery(Delivery.EXACTLY_ONCE), (event, context) -> {
                    handling.countDown();
                    await(goOn);
                });
        assertThat(await(handling)).isTrue();

        CompletableFuture<Void> move = inThread(() -> subscription.moveTo(store.latestVersion(), Version.ZERO));
        Await.until(
                database,
                "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
                        + " and clock_timestamp() - query_start > interval '2 s'",
                "1");
        goOn.countDown();

        assertThat(move).succeedsWithin(LONG);
    }

    /** The successor ends sessions that lock rows of the dead owner, but not this one. */
    @Test
    void replaySurvivesTheDeathOfTheOwner() throws Exception {
        CountDownLatch running = new CountDownLatch(1);
        CountDownLatch goOn = new CountDownLatch(1);
        DurableProcess owner = processes.start();
        owner.subscriptions().durable(options(), (event, context) -> {});
        Await.until(database, "select count(owner) from synckit.events_checkpoints", "1");
        DurableSubscription survivor = processes.start().subscriptions().durable(options(), (event, context) -> {});
        store(0, 3);
        assertThat(survivor.await(store.latestVersion(), LONG)).isEqualTo(Outcome.HANDLED);

        CompletableFuture<Void> replay = inThread(() -> survivor.replay(Version.ZERO, () -> {
            running.countDown();
            await(goOn);
        }));
        assertThat(await(running)).isTrue();
        owner.die();
        store(3, 4); // a process at rest does not look for others
        Await.until(database, "select count(*) from synckit.events_instances", "1");
        goOn.countDown();

        replay.get(4, TimeUnit.MINUTES);
        assertThat(survivor.await(store.latestVersion(), LONG)).isEqualTo(Outcome.HANDLED);
    }

    @Test
    void startDuringAStopTakesEffectAfterIt() throws Exception {
        CountDownLatch handling = new CountDownLatch(1);
        CountDownLatch goOn = new CountDownLatch(1);
        store(0, 1);
        DurableProcess process = processes.start();
        DurableSubscription subscription = process.subscriptions().durable(options(), (event, context) -> {
            handling.countDown();
            await(goOn);
        });
        assertThat(await(handling)).isTrue();

        Thread stop = new Thread(process.listener()::stop);
        stop.start();
        Await.until(() -> stop.getState() == Thread.State.TIMED_WAITING);
        process.listener().start();
        goOn.countDown();
        stop.join();
        store(1, 3);

        assertThat(subscription.await(store.latestVersion(), LONG)).isEqualTo(Outcome.HANDLED);
    }

    /** The pool is exhausted, so the timer cannot do its part of the stop before the next start. */
    @Test
    void processContinuesAfterAStopThatCouldNotUseTheDatabase() throws Exception {
        CountDownLatch blocked = new CountDownLatch(1);
        CountDownLatch goOn = new CountDownLatch(1);
        AtomicBoolean blocks = new AtomicBoolean();
        DurableProcess process = processes.start(builder -> builder.closeTimeout(Duration.ofMillis(200)));
        DurableSubscription subscription = process.subscriptions().durable(options(), (event, context) -> {});
        Await.until(database, "select count(owner) from synckit.events_checkpoints", "1");
        process.beforeBorrow(() -> {
            if (isCoordinator() && blocks.get()) {
                blocked.countDown();
                await(goOn);
            }
        });
        blocks.set(true);
        subscription.requeueAll(); // a process at rest checks nothing without a reason
        assertThat(await(blocked)).isTrue();

        process.listener().stop();
        process.listener().start();
        blocks.set(false);
        goOn.countDown();
        store(0, 3);

        assertThat(subscription.await(store.latestVersion(), LONG)).isEqualTo(Outcome.HANDLED);
        Await.until(database, "select count(*) from synckit.events_instances", "1");
        Await.until(
                database,
                "select count(*) from pg_locks where locktype = 'advisory' and objsubid = 2"
                        + " and classid = 'synckit.events_instances'::regclass",
                "1");
    }

    /** The event at which the key has waited is handled before the command arrives. */
    @Test
    void skipDoesNotReachTheNextEvent() throws Exception {
        CountDownLatch retrying = new CountDownLatch(1);
        CountDownLatch goOn = new CountDownLatch(1);
        AtomicInteger calls = new AtomicInteger();
        Collector<Object> handled = new Collector<>();
        DurableSubscription subscription = processes.start().subscriptions().durable(options(), (event, context) -> {
            if (event.data().equals(0) && calls.incrementAndGet() == 1) {
                throw new IllegalStateException("on purpose");
            }
            if (event.data().equals(0)) {
                retrying.countDown();
                await(goOn);
            }
            handled.add(event.data());
        });
        store(0, 10);
        assertThat(await(retrying)).isTrue();

        assertThat(subscription.skip("key-0")).isTrue();
        goOn.countDown();

        assertThat(subscription.await(store.latestVersion(), LONG)).isEqualTo(Outcome.HANDLED);
        assertThat(handled.rest()).containsExactlyInAnyOrder(0, 1, 2, 3, 4, 5, 6, 7, 8, 9);
    }

    /** The fence waits for a replay that is rolled back. The handler was not called, so the event is not at fault. */
    @Test
    void failureBeforeTheHandlerIsNotAnAttempt() throws Exception {
        CountDownLatch running = new CountDownLatch(1);
        CountDownLatch goOn = new CountDownLatch(1);
        database.execute("alter database " + database.name() + " set lock_timeout = '100ms'");
        DurableProcess process = processes.start();
        DurableSubscription subscription = process.subscriptions()
                .durable(
                        options().delivery(Delivery.EXACTLY_ONCE).maxRetries(0).onExhausted(OnExhausted.SKIP),
                        (event, context) -> {});
        store(0, 1);
        assertThat(subscription.await(store.latestVersion(), LONG)).isEqualTo(Outcome.HANDLED);
        CompletableFuture<Void> replay = inThread(() -> subscription.replay(Version.ZERO, () -> {
            running.countDown();
            await(goOn);
            throw new IllegalStateException("rolled back");
        }));
        assertThat(await(running)).isTrue();

        store(1, 3);
        Await.until(() -> subscription.activity().get(0).failure().contains("lock timeout"));
        goOn.countDown();

        assertThat(replay).failsWithin(Duration.ofMinutes(4));
        assertThat(subscription.await(store.latestVersion(), LONG)).isEqualTo(Outcome.HANDLED);
        Await.until(() -> subscription.activity().get(0).counts().handled() == 3);
        assertThat(subscription.activity().get(0).counts().skipped()).isZero();
    }

    /** The row has an owner that does not handle the partition. The owner gives it back with its next check. */
    @Test
    void partitionWhoseReleaseHasFailedIsGivenBack() {
        AtomicBoolean fails = new AtomicBoolean();
        DurableProcess first = processes.start();
        first.subscriptions().durable(options().partitions(2), (event, context) -> {});
        String owners =
                "select string_agg(n::text, ',') from (select count(*) n from synckit.events_checkpoints where owner is not null"
                        + " group by owner) c";
        Await.until(database, owners, "2");
        first.beforeBorrow(() -> {
            if (!isCoordinator() && fails.getAndSet(false)) {
                throw new IllegalStateException("on purpose");
            }
        });

        fails.set(true);
        processes.start().subscriptions().durable(options().partitions(2), (event, context) -> {});

        Await.until(database, owners, "1,1");
        assertThat(fails.get()).isFalse();
    }

    /**
     * The position is stored by the transaction that removes the key. Otherwise a successor would handle later events of the key before
     * earlier ones. The coordinator is blocked, so that it does not store the position.
     */
    @Test
    void positionIsStoredWhenAKeyHasCaughtUp() throws InterruptedException {
        CountDownLatch coordinatorIsBlocked = new CountDownLatch(1);
        CountDownLatch goOn = new CountDownLatch(1);
        AtomicInteger calls = new AtomicInteger();
        DurableProcess process = processes.start();
        DurableSubscription subscription = process.subscriptions().durable(options(), (event, context) -> {
            if (event.data().equals(0) && calls.incrementAndGet() < 3) {
                await(coordinatorIsBlocked);
                throw new IllegalStateException("on purpose");
            }
        });
        Await.until(() -> subscription.activity().get(0).state() != State.NOT_OWNED);
        process.beforeBorrow(() -> {
            if (isCoordinator() && goOn.getCount() > 0) {
                coordinatorIsBlocked.countDown();
                await(goOn);
            }
        });

        store(0, 10);
        Await.until(() -> subscription.activity().get(0).counts().handled() == 10);
        Await.until(database, "select count(*) from synckit.events_parked", "0");

        assertThat(position()).isEqualTo("10");
        goOn.countDown();
    }

    @Test
    void attemptsThatTheProcessSurvivesAreNotDeaths() throws InterruptedException {
        AtomicInteger conflicts = new AtomicInteger();
        DurableProcess first = processes.start();
        DurableOptions options = options().delivery(Delivery.EXACTLY_ONCE);
        first.subscriptions().durable(options, (event, context) -> first.die());
        store(0, 1);
        first.awaitDeath();

        DurableSubscription successor = processes.start().subscriptions().durable(options, (event, context) -> {
            if (conflicts.incrementAndGet() < 5) {
                throw new java.sql.SQLException("on purpose", "40001");
            }
        });

        assertThat(successor.await(store.latestVersion(), LONG)).isEqualTo(Outcome.HANDLED);
        assertThat(conflicts.get()).isEqualTo(5);
    }

    /** In a crash with asynchronous commits, or in a fail-over, the server can lose the last checkpoints. */
    @Test
    void lostCheckpointsAreNotRestoredFromMemory() throws InterruptedException {
        Collector<Long> handled = new Collector<>();
        DurableProcess process = processes.start();
        process.subscriptions()
                .durable(
                        options(),
                        (event, context) -> handled.add(event.version().value()));
        store(0, 5);
        handled.next(5);
        Await.until(() -> position().equals("5"));

        database.execute("update synckit.events_checkpoints set position = 3");
        store(5, 6);

        handled.until(version -> version == 4);
        assertThat(handled.next(2)).containsExactly(5L, 6L);
        Await.until(() -> position().equals("6"));
        database.execute("update synckit.events_checkpoints set position = 2");
        process.listener().stop();
        assertThat(position()).isEqualTo("2");
    }

    @Test
    void commandWithoutASignalIsFoundByTheNextCheck() throws InterruptedException {
        AtomicBoolean poison = new AtomicBoolean(true);
        DurableSubscription subscription = processes
                .start()
                .subscriptions()
                .durable(options().maxRetries(0), (event, context) -> {
                    if (poison.get()) {
                        throw new IllegalStateException("on purpose");
                    }
                });
        store(0, 1);
        assertThat(subscription.await(store.latestVersion(), LONG)).isEqualTo(Outcome.PARKED);
        poison.set(false);

        database.execute("update synckit.events_parked set command = 'requeue'");
        store(1, 2); // a process at rest checks nothing until an event is stored

        assertThat(subscription.await(store.latestVersion(), LONG)).isEqualTo(Outcome.HANDLED);
    }

    @Test
    void commandDuringAnAttemptIsCarriedOutAfterIt() throws Exception {
        CountDownLatch retrying = new CountDownLatch(1);
        CountDownLatch goOn = new CountDownLatch(1);
        AtomicInteger calls = new AtomicInteger();
        Collector<Object> handled = new Collector<>();
        DurableSubscription subscription = processes
                .start()
                .subscriptions()
                .durable(options().maxRetries(1), (event, context) -> {
                    if (!event.data().equals(0)) {
                        handled.add(event.data());
                        return;
                    }
                    if (calls.incrementAndGet() == 2) {
                        retrying.countDown();
                        await(goOn);
                    }
                    throw new IllegalStateException("on purpose");
                });
        store(0, 5);
        assertThat(await(retrying)).isTrue();

        assertThat(inThread(() -> subscription.skip("key-0")).get(4, TimeUnit.MINUTES))
                .isTrue();
        goOn.countDown();

        assertThat(subscription.await(store.latestVersion(), LONG)).isEqualTo(Outcome.HANDLED);
        assertThat(handled.rest()).containsExactlyInAnyOrder(1, 2, 3, 4);
        assertThat(calls.get()).isEqualTo(2);
    }
}
