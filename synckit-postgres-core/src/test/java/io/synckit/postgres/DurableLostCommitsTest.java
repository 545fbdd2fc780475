package io.synckit.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import io.synckit.Event;
import io.synckit.postgres.testing.Await;
import io.synckit.postgres.testing.DurableProcess;
import io.synckit.postgres.testing.DurableProcesses;
import io.synckit.postgres.testing.HandledEvents;
import io.synckit.postgres.testing.TestDatabase;
import io.synckit.postgres.testing.TestPostgres;
import io.synckit.subscription.DurableOptions;
import io.synckit.subscription.DurableOptions.Delivery;
import io.synckit.subscription.DurableSubscription;
import io.synckit.subscription.DurableSubscription.Outcome;
import io.synckit.subscription.StartFrom;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Durable subscriptions whose last commits the server has lost, in a crash with asynchronous commits or in a fail-over, or is still about to
 * make. The losses are simulated: one transaction sets the rows back. The events of the key key-0 fail at first.
 */
class DurableLostCommitsTest {

    private static final Duration LONG = Duration.ofMinutes(4);

    @RegisterExtension
    private final TestDatabase database = TestPostgres.shared().migratedDatabase();

    private final DurableProcesses processes = new DurableProcesses(database);

    private final HandledEvents table = new HandledEvents(database);
    private final AtomicBoolean fails = new AtomicBoolean(true);

    private static DurableOptions options(Delivery delivery) {
        return DurableOptions.named("numbers")
                .startFrom(StartFrom.beginning())
                .delivery(delivery)
                .maxRetries(100)
                .backoff(Duration.ofMillis(20), 1, Duration.ofMillis(20));
    }

    private void store(int from, int to) {
        for (int i = from; i < to; i++) {
            processes.store().store(Event.of("key-" + i % 2, "T", i));
        }
    }

    /** Starts a subscription, and stores ten events, of which the five of key-0 wait for a retry. */
    private DurableSubscription withWaitingKey(DurableProcess process, Delivery delivery) {
        table.createTable();
        DurableSubscription subscription = process.subscriptions().durable(options(delivery), (event, context) -> {
            if (fails.get() && event.aggregateId().equals("key-0")) {
                throw new IllegalStateException("on purpose");
            }
            table.insert(process, event);
        });
        store(0, 10);
        Await.until(database, "select count(*) from handled", "5");
        Await.until(database, "select count(*) from synckit.events_parked", "1");
        return subscription;
    }

    private void awaitAll(DurableSubscription subscription) throws InterruptedException {
        assertThat(subscription.await(processes.store().latestVersion(), LONG)).isEqualTo(Outcome.HANDLED);
        untilNoKeyWaits();
    }

    private void untilNoKeyWaits() {
        Await.until(database, "select count(*) from synckit.events_parked", "0");
    }

    /** The last retries of key-0 and its removal, which do not change the position. */
    private void loseRetriesAndRemoval() {
        database.execute("begin; update synckit.events_checkpoints set removals = removals - 1;"
                + " delete from handled where key = 'key-0' and version >= 5;"
                + " insert into synckit.events_parked (subscription, key, next_version, failed_version, attempts, retry_at, failure_type, failure)"
                + " values ('numbers', 'key-0', 5, 4, 0, clock_timestamp(), 'lost', 'lost'); commit");
    }

    /** Seed 1509 of the torture runs: the owner handled later events of the key before those that waited again. */
    @Test
    void ownerNoticesThatTheServerHasLostTheRemovalOfAKey() throws InterruptedException {
        DurableSubscription subscription = withWaitingKey(processes.start(), Delivery.EXACTLY_ONCE);
        fails.set(false);
        awaitAll(subscription);

        loseRetriesAndRemoval();
        store(10, 12);

        awaitAll(subscription);
        table.assertOnceAndInOrder(12);
    }

    /** The crash has ended all sessions, so the owner reads its rows again, also if no further event arrives. */
    @ParameterizedTest
    @EnumSource(Delivery.class)
    void ownerReadsItsRowsAgainAfterACrash(Delivery delivery) throws InterruptedException {
        DurableSubscription subscription = withWaitingKey(processes.start(), delivery);
        fails.set(false);
        awaitAll(subscription);

        loseRetriesAndRemoval();
        database.query("select count(pg_terminate_backend(pid)) from pg_stat_activity"
                + " where datname = current_database() and pid <> pg_backend_pid()");

        Await.until(database, "select count(*) from handled", "10");
        untilNoKeyWaits();
        table.assertOnceAndInOrder(10);
    }

    @Test
    void keyIsNotRemovedIfTheServerHasLostItsRetries() {
        AtomicBoolean isLost = new AtomicBoolean();
        DurableProcess process = processes.start();
        withWaitingKey(process, Delivery.EXACTLY_ONCE);
        process.beforeBorrow(() -> {
            if ("5".equals(database.query("select count(*) from handled where key = 'key-0'"))
                    && !isLost.getAndSet(true)) {
                database.execute("begin; delete from handled where key = 'key-0';"
                        + " update synckit.events_parked set next_version = 1, attempts = 1; commit");
            }
        });

        fails.set(false);

        Await.until(isLost::get);
        untilNoKeyWaits();
        table.assertOnceAndInOrder(10);
    }

    /** Events and checkpoints are restored together, on the running server. */
    @ParameterizedTest
    @EnumSource(Delivery.class)
    void subscriptionContinuesAfterRestoreOfTheWholeDatabase(Delivery delivery) throws InterruptedException {
        table.createTable();
        DurableProcess process = processes.start();
        process.subscriptions().durable(options(delivery), (event, context) -> table.insert(process, event));
        store(0, 5);
        Await.until(database, "select position from synckit.events_checkpoints", "5");

        database.execute("begin; set local synckit.maintenance = 'on'; delete from synckit.events where version > 3;"
                + " delete from handled where version > 3; select setval('synckit.events_version_seq', 3);"
                + " update synckit.events_checkpoints set position = 3; commit");
        store(5, 6);

        Await.until(database, "select count(*) from handled", "4");
        table.assertOnceAndInOrder(4);
    }

    /** After a fail-over that has lost a claim, the claim of another process gets the same epoch. */
    @ParameterizedTest
    @EnumSource(Delivery.class)
    void formerOwnerStoresNothingIfAnotherProcessHasItsEpoch(Delivery delivery) {
        table.createTable();
        DurableProcess process = processes.start();
        process.subscriptions().durable(options(delivery), (event, context) -> table.insert(process, event));
        store(0, 2);
        Await.until(database, "select position from synckit.events_checkpoints", "2");

        String epoch = database.query("update synckit.events_checkpoints set owner = 1000000 returning epoch");
        store(2, 4);

        Await.until(database, "select position from synckit.events_checkpoints", "4");
        assertThat(database.query("select epoch > " + epoch + " from synckit.events_checkpoints"))
                .isEqualTo("t");
        if (delivery == Delivery.EXACTLY_ONCE) {
            table.assertOnceAndInOrder(4);
        }
    }

    /**
     * The connection is lost, but the server is still about to commit the transaction. Another session stands for it: it takes the row after
     * the handler's transaction, and commits when the owner waits for the row.
     */
    @Test
    void commitThatIsUnderWayIsAwaited() throws Exception {
        String waits =
                "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()";
        AtomicBoolean isFirst = new AtomicBoolean(true);
        CountDownLatch hasRow = new CountDownLatch(1);
        DurableProcess process = processes.start();
        table.createTable();
        store(0, 1);
        try (Connection former = database.connect();
                Statement underWay = former.createStatement()) {
            former.setAutoCommit(false);
            DurableSubscription subscription = process.subscriptions()
                    .durable(options(Delivery.EXACTLY_ONCE), (event, context) -> {
                        if (isFirst.getAndSet(false)) {
                            CompletableFuture.runAsync(() -> {
                                execute(
                                        underWay,
                                        "update synckit.events_checkpoints set position = " + event.version());
                                execute(
                                        underWay,
                                        "insert into handled (version, key) values (" + event.version() + ", '')");
                                hasRow.countDown();
                            });
                            Await.until(database, waits, "1");
                            throw new SQLException("the connection is lost", "08006");
                        }
                        table.insert(process, event);
                    });
            assertThat(hasRow.await(4, TimeUnit.MINUTES)).isTrue();
            Await.until(database, waits, "1");
            former.commit();

            assertThat(subscription.await(processes.store().latestVersion(), LONG))
                    .isEqualTo(Outcome.HANDLED);
        }
        table.assertOnceAndInOrder(1);
    }

    private static void execute(Statement statement, String sql) {
        try {
            statement.execute(sql);
        } catch (SQLException e) {
            throw new IllegalStateException(e);
        }
    }
}
