package io.synckit.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import io.synckit.Event;
import io.synckit.Filter;
import io.synckit.StoredEvent;
import io.synckit.Version;
import io.synckit.postgres.schema.NotifyMode;
import io.synckit.postgres.testing.Await;
import io.synckit.postgres.testing.Collector;
import io.synckit.postgres.testing.DurableProcess;
import io.synckit.postgres.testing.DurableProcesses;
import io.synckit.postgres.testing.TestDatabase;
import io.synckit.postgres.testing.TestPostgres;
import io.synckit.postgres.testing.TransactionPooler;
import io.synckit.subscription.DurableEventHandler;
import io.synckit.subscription.DurableOptions;
import io.synckit.subscription.DurableOptions.Delivery;
import io.synckit.subscription.DurableStatus;
import io.synckit.subscription.DurableSubscription;
import io.synckit.subscription.DurableSubscription.Outcome;
import io.synckit.subscription.StartFrom;
import java.sql.Connection;
import java.sql.Statement;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Durable subscriptions in several processes: the owners of partitions, and what a former owner can still do. */
class DurableOwnershipTest {

    private static final Duration LONG = Duration.ofMinutes(4);

    @RegisterExtension
    private final TestDatabase database = TestPostgres.shared().migratedDatabase();

    private final DurableProcesses processes = new DurableProcesses(database);

    private PostgresEventStore store;

    @BeforeEach
    void open() {
        store = processes.store();
        database.execute("create table handled (version bigint, process text)");
    }

    private static DurableOptions options() {
        return DurableOptions.named("numbers").startFrom(StartFrom.beginning());
    }

    private static DurableOptions exactlyOnce() {
        return options().delivery(Delivery.EXACTLY_ONCE);
    }

    private void store(int from, int to) {
        IntStream.range(from, to).forEach(i -> store.store(Event.of("a-" + i % 3, "T", i)));
    }

    /** Stores the event and the process in the transaction of the handler. */
    private static DurableEventHandler inserting(DurableProcess process) {
        return (event, context) -> insert(process, event);
    }

    private static void insert(DurableProcess process, StoredEvent event) throws Exception {
        execute(process, "insert into handled values (" + event.version() + ", '" + process.name() + "')");
    }

    private static void execute(DurableProcess process, String sql) throws Exception {
        try (var borrowed = process.connections().borrow();
                Statement statement = borrowed.connection().createStatement()) {
            statement.execute(sql);
        }
    }

    private void untilOwned(String subscription, DurableProcess by) {
        Await.until(
                database,
                "select count(*) from synckit.events_checkpoints c join synckit.events_instances i on i.id = c.owner"
                        + " where c.subscription = '" + subscription + "' and i.name <> '" + by.name() + "'"
                        + " or c.owner is null",
                "0");
    }

    private String owners(String subscription) {
        return database.query("select string_agg(n::text, ',' order by n) from (select count(*) n from"
                + " synckit.events_checkpoints where subscription = '" + subscription
                + "' and owner is not null group by owner) c");
    }

    @Test
    void partitionsAreSharedByAllProcesses() throws InterruptedException {
        DurableProcess first = processes.start();
        DurableSubscription subscription =
                first.subscriptions().durable(options().partitions(4), (event, context) -> {});
        Await.until(() -> "4".equals(owners("numbers")));
        DurableProcess second = processes.start();
        second.subscriptions().durable(options().partitions(4), (event, context) -> {});
        Await.until(() -> "2,2".equals(owners("numbers")));

        second.close();
        Await.until(() -> "4".equals(owners("numbers")));
        store(0, 10);
        assertThat(subscription.await(store.latestVersion(), LONG)).isEqualTo(Outcome.HANDLED);
    }

    @Test
    void subscriptionsAreSharedByAllProcesses() {
        for (int process = 0; process < 2; process++) {
            DurableProcess started = processes.start();
            for (int i = 0; i < 6; i++) {
                started.subscriptions().durable(DurableOptions.named("s-" + i), (event, context) -> {});
            }
        }

        Await.until(
                database,
                "select string_agg(n::text, ',') from (select count(*) n from synckit.events_checkpoints where owner is not null"
                        + " group by owner) c",
                "3,3");
    }

    @Test
    void successorOfDeadProcessHandlesAllEvents() throws InterruptedException {
        DurableProcess first = processes.start();
        first.subscriptions().durable(exactlyOnce(), inserting(first));
        untilOwned("numbers", first);
        DurableProcess second = processes.start();
        DurableSubscription subscription = second.subscriptions().durable(exactlyOnce(), inserting(second));
        store(0, 30);
        assertThat(subscription.await(store.latestVersion(), LONG)).isEqualTo(Outcome.HANDLED);

        first.die();
        store(30, 40);

        assertThat(subscription.await(store.latestVersion(), LONG)).isEqualTo(Outcome.HANDLED);
        assertThat(database.query("select count(*), count(distinct version) from handled"))
                .isEqualTo("40");
        assertThat(database.query("select count(*) - count(distinct version) from handled"))
                .isEqualTo("0");
    }

    /**
     * The former owner has lost its lock and does not know it. Its next transaction finds another epoch, so its handler is not called. The
     * filter blocks it between two transactions.
     */
    @Test
    void formerOwnerHandlesNothingAfterAnotherHasClaimed() throws InterruptedException {
        CountDownLatch filtering = new CountDownLatch(1);
        CountDownLatch goOn = new CountDownLatch(1);
        store(0, 3);
        DurableProcess first = processes.start();
        first.subscriptions()
                .durable(
                        exactlyOnce().filter(Filter.matching(event -> {
                            filtering.countDown();
                            return await(goOn);
                        })),
                        inserting(first));
        assertThat(filtering.await(4, TimeUnit.MINUTES)).isTrue();
        DurableProcess second = processes.start();
        DurableSubscription subscription = second.subscriptions().durable(exactlyOnce(), inserting(second));

        first.loseListener();
        assertThat(subscription.await(store.latestVersion(), LONG)).isEqualTo(Outcome.HANDLED);
        goOn.countDown();
        Await.until(
                () -> first.subscriptions().durable().get(0).activity().get(0).state()
                        == DurableSubscription.State.NOT_OWNED);

        assertThat(database.query("select string_agg(process || version, ' ' order by version) from handled"))
                .isEqualTo(IntStream.rangeClosed(1, 3)
                        .mapToObj(i -> second.name() + i)
                        .reduce((a, b) -> a + " " + b)
                        .orElseThrow());
    }

    private static boolean await(CountDownLatch latch) {
        try {
            return latch.await(4, TimeUnit.MINUTES);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    /** The checkpoint is the first statement, so the row is locked while the handler runs. The successor ends that session first. */
    @Test
    void successorHandlesOnlyAfterTheFormerTransactionHasEnded() throws InterruptedException {
        CountDownLatch handling = new CountDownLatch(1);
        CountDownLatch goOn = new CountDownLatch(1);
        Collector<Integer> formerSessions = new Collector<>();
        AtomicInteger formerPid = new AtomicInteger();
        store(0, 1);
        DurableProcess first = processes.start();
        first.subscriptions().durable(exactlyOnce(), (event, context) -> {
            try (var borrowed = first.connections().borrow();
                    Statement statement = borrowed.connection().createStatement();
                    var rows = statement.executeQuery("select pg_backend_pid()")) {
                rows.next();
                formerPid.set(rows.getInt(1));
            }
            handling.countDown();
            await(goOn);
            insert(first, event);
        });
        assertThat(handling.await(4, TimeUnit.MINUTES)).isTrue();
        DurableProcess second = processes.start();
        DurableSubscription subscription = second.subscriptions().durable(exactlyOnce(), (event, context) -> {
            formerSessions.add(
                    Integer.valueOf(database.query("select count(*) from pg_stat_activity where pid = " + formerPid)));
            insert(second, event);
        });

        first.loseListener();
        assertThat(formerSessions.next()).isZero();
        goOn.countDown();

        assertThat(subscription.await(store.latestVersion(), LONG)).isEqualTo(Outcome.HANDLED);
        assertThat(database.query("select string_agg(process, ' ') from handled"))
                .isEqualTo(second.name());
    }

    /** The former owner commits after the successor has read the rows and before its claim. */
    @Test
    void claimStartsAtThePositionThatTheFormerOwnerCommittedLast() throws InterruptedException {
        store(0, 5);
        DurableProcess first = processes.start();
        first.subscriptions().durable(options(), (event, context) -> {});
        Await.until(database, "select position from synckit.events_checkpoints", "5");
        first.close();
        database.execute("update synckit.events_checkpoints set position = 1");
        DurableProcess second = processes.start();
        AtomicInteger borrows = new AtomicInteger();
        Collector<Long> handled = new Collector<>();
        second.beforeBorrow(() -> {
            // The first connection of the coordinator reads the rows, the second one claims.
            if (Thread.currentThread().getName().startsWith("synckit-durable") && borrows.incrementAndGet() == 2) {
                database.execute("update synckit.events_checkpoints set position = 3");
            }
        });

        DurableSubscription subscription = second.subscriptions()
                .durable(
                        options(),
                        (event, context) -> handled.add(event.version().value()));

        assertThat(subscription.await(store.latestVersion(), LONG)).isEqualTo(Outcome.HANDLED);
        assertThat(handled.rest()).containsExactly(4L, 5L);
    }

    /**
     * In a crash with asynchronous commits, or in a fail-over, the server can lose the last commits. Position and effects are lost together,
     * and the owner must not continue after the position in its memory.
     */
    @Test
    void ownerNoticesThatTheServerHasLostItsLastCommits() throws InterruptedException {
        DurableProcess process = processes.start();
        DurableSubscription subscription = process.subscriptions().durable(exactlyOnce(), inserting(process));
        store(0, 5);
        assertThat(subscription.await(store.latestVersion(), LONG)).isEqualTo(Outcome.HANDLED);

        database.execute(
                "begin; update synckit.events_checkpoints set position = 3; delete from handled where version > 3; commit");
        store(5, 6);

        Await.until(database, "select string_agg(version::text, ' ' order by version) from handled", "1 2 3 4 5 6");
    }

    @Test
    void atLeastOnceHandlersStopSoonAfterTheLossOfOwnership() throws InterruptedException {
        CountDownLatch handling = new CountDownLatch(1);
        CountDownLatch goOn = new CountDownLatch(1);
        Collector<Long> ofFirst = new Collector<>();
        store(0, 200);
        DurableProcess first = processes.start();
        first.subscriptions().durable(options(), (event, context) -> {
            handling.countDown();
            await(goOn);
            ofFirst.add(event.version().value());
        });
        assertThat(handling.await(4, TimeUnit.MINUTES)).isTrue();
        DurableProcess second = processes.start();
        DurableSubscription subscription = second.subscriptions().durable(options(), inserting(second));

        first.loseListener();
        assertThat(subscription.await(store.latestVersion(), LONG)).isEqualTo(Outcome.HANDLED);
        // Longer than the owner timeout: the process does not call its handler again before it has read its rows.
        Await.until(() -> ownerTimeoutIsOver(first));
        goOn.countDown();
        Await.until(() -> first.subscriptions()
                .durable()
                .get(0)
                .activity()
                .get(0)
                .handlerRuns()
                .isZero());
        first.findListener();
        Await.until(() -> first.listener().isConnected());
        store(200, 201);

        assertThat(subscription.await(store.latestVersion(), LONG)).isEqualTo(Outcome.HANDLED);
        assertThat(ofFirst.rest()).containsExactly(1L);
        assertThat(database.query("select count(*) - count(distinct version) from handled"))
                .isEqualTo("0");
    }

    private static boolean ownerTimeoutIsOver(DurableProcess process) {
        return process.subscriptions()
                        .durable()
                        .get(0)
                        .activity()
                        .get(0)
                        .handlerRuns()
                        .compareTo(Duration.ofSeconds(4))
                > 0;
    }

    @Test
    void processThatWasSeenAsDeadJoinsAgain() throws InterruptedException {
        DurableProcess first = processes.start();
        DurableSubscription subscription =
                first.subscriptions().durable(options().partitions(2), (event, context) -> {});
        processes.start().subscriptions().durable(options().partitions(2), (event, context) -> {});
        Await.until(() -> "1,1".equals(owners("numbers")));

        first.loseListener();
        store(0, 3);
        Await.until(() -> "2".equals(owners("numbers")));
        first.findListener();

        Await.until(() -> "1,1".equals(owners("numbers")));
        store(3, 6);
        assertThat(subscription.await(store.latestVersion(), LONG)).isEqualTo(Outcome.HANDLED);
    }

    /**
     * A check waits for a connection while its process is seen as dead and joins with another row. Then it must not give that row up. The row
     * would stay, with its lock, and its partitions would have no working owner. Seed 1515 of the torture runs.
     */
    @Test
    void lateCheckDoesNotEndTheNextMembership() throws InterruptedException {
        CountDownLatch checking = new CountDownLatch(1);
        CountDownLatch goOn = new CountDownLatch(1);
        DurableProcess first = processes.start();
        DurableSubscription subscription =
                first.subscriptions().durable(options().partitions(2), (event, context) -> {});
        processes.start().subscriptions().durable(options().partitions(2), (event, context) -> {});
        Await.until(() -> "1,1".equals(owners("numbers")));
        String row = database.query("select max(id) from synckit.events_instances where name = '" + first.name() + "'");
        first.beforeBorrow(() -> {
            if (StackWalker.getInstance()
                    .walk(frames ->
                            frames.anyMatch(frame -> frame.getClassName().endsWith(".Ownership")))) {
                checking.countDown();
                await(goOn);
            }
        });
        store(0, 3);
        assertThat(checking.await(4, TimeUnit.MINUTES)).isTrue();

        first.loseListener();
        store(3, 6);
        Await.until(database, "select count(*) from synckit.events_instances where id = " + row, "0");
        first.findListener();
        Await.until(database, "select count(*) from synckit.events_instances", "2");
        goOn.countDown();

        Await.until(() -> "1,1".equals(owners("numbers")));
        store(6, 9);
        assertThat(subscription.await(store.latestVersion(), LONG)).isEqualTo(Outcome.HANDLED);
        assertThat(database.query("select count(*) from synckit.events_instances"))
                .isEqualTo("2");
    }

    @Test
    void orderlyStopHandsOverAtOnce() throws InterruptedException {
        DurableProcess first = processes.start();
        first.subscriptions().durable(exactlyOnce(), inserting(first));
        untilOwned("numbers", first);
        DurableProcess second = processes.start();
        DurableSubscription subscription = second.subscriptions().durable(exactlyOnce(), inserting(second));

        first.listener().stop();
        untilOwned("numbers", second);
        store(0, 2);

        assertThat(subscription.await(store.latestVersion(), LONG)).isEqualTo(Outcome.HANDLED);
        assertThat(database.query("select count(*) from synckit.events_instances"))
                .isEqualTo("1");
        assertThat(database.query("select string_agg(distinct process, ' ') from handled"))
                .isEqualTo(second.name());
    }

    /** The next owner handles the rest of the batch, so a stop waits for one call only. */
    @Test
    void stopEndsABatchAfterTheRunningCall() throws InterruptedException {
        assertThat(callsUntilStopDuringABatch("")).isEqualTo(20);

        assertThat(database.query("select position from synckit.events_checkpoints"))
                .isEqualTo(database.query("select max(version) from handled"));
        handleTheRest();
    }

    @Test
    void nextOwnerRepeatsABatchWhoseTransactionIsReadOnly() throws InterruptedException {
        assertThat(callsUntilStopDuringABatch("set local transaction_read_only = on"))
                .isEqualTo(20);

        assertThat(database.query("select position <= 15 from synckit.events_checkpoints"))
                .isEqualTo("t");
        handleTheRest();
    }

    /**
     * Stops the first process in the 20th call: the batches have 1, 2, 4, 8 and 16 events. Returns the number of calls.
     *
     * @param sql a statement that the 20th call executes
     */
    private int callsUntilStopDuringABatch(String sql) throws InterruptedException {
        CountDownLatch handling = new CountDownLatch(1);
        CountDownLatch goOn = new CountDownLatch(1);
        AtomicInteger calls = new AtomicInteger();
        store(0, 40);
        DurableProcess first = processes.start();
        first.subscriptions().durable(exactlyOnce(), (event, context) -> {
            insert(first, event);
            if (calls.incrementAndGet() == 20) {
                execute(first, sql);
                handling.countDown();
                await(goOn);
            }
        });
        assertThat(handling.await(4, TimeUnit.MINUTES)).isTrue();
        Thread stop = new Thread(first.listener()::stop);
        stop.start();
        Await.until(() -> Stream.of(stop.getStackTrace())
                .anyMatch(frame -> frame.getMethodName().equals("awaitEnd")));
        goOn.countDown();
        stop.join();
        return calls.get();
    }

    /** Another process handles what is left. Then each event is handled once. */
    private void handleTheRest() throws InterruptedException {
        DurableProcess second = processes.start();
        DurableSubscription subscription = second.subscriptions().durable(exactlyOnce(), inserting(second));
        assertThat(subscription.await(store.latestVersion(), LONG)).isEqualTo(Outcome.HANDLED);
        assertThat(database.query("select count(*) || ' ' || count(distinct version) from handled"))
                .isEqualTo("40 40");
    }

    @Test
    void ownerStaysStoredWhileHandlerHangs() throws InterruptedException {
        CountDownLatch handling = new CountDownLatch(1);
        CountDownLatch goOn = new CountDownLatch(1);
        store(0, 1);
        DurableProcess first = processes.start(builder -> builder.closeTimeout(Duration.ofMillis(100)));
        first.subscriptions().durable(options(), (event, context) -> {
            handling.countDown();
            await(goOn);
        });
        assertThat(handling.await(4, TimeUnit.MINUTES)).isTrue();

        first.listener().stop();

        assertThat(database.query("select owner is not null from synckit.events_checkpoints"))
                .isEqualTo("t");
        goOn.countDown();
    }

    @Test
    void awaitWorksInAProcessThatOwnsNothing() throws InterruptedException {
        DurableProcess owner = processes.start();
        owner.subscriptions().durable(options(), (event, context) -> {});
        untilOwned("numbers", owner);
        DurableSubscription elsewhere = processes.start().subscriptions().durable(options(), (event, context) -> {});
        store(0, 5);

        assertThat(elsewhere.await(store.latestVersion(), LONG)).isEqualTo(Outcome.HANDLED);
        assertThat(elsewhere.await(Version.of(store.latestVersion().value() + 1), Duration.ofMillis(50)))
                .isEqualTo(Outcome.TIMEOUT);
    }

    /** The owner passes an event that does not match the filter, and is asked to store its position while its row is locked. */
    @Test
    void awaitInAnotherProcessDoesNotWaitForAMinuteIfARowIsLocked() throws Exception {
        AtomicBoolean counts = new AtomicBoolean();
        CountDownLatch flushes = new CountDownLatch(2);
        DurableOptions options = options().delivery(Delivery.EXACTLY_ONCE).filter(Filter.types("Selected"));
        DurableProcess owner = processes.start();
        owner.subscriptions().durable(options, (event, context) -> {});
        untilOwned("numbers", owner);
        DurableSubscription elsewhere = processes.start().subscriptions().durable(options, (event, context) -> {});
        store(0, 1);
        owner.beforeBorrow(() -> {
            if (counts.get() && Thread.currentThread().getName().startsWith("synckit-durable")) {
                flushes.countDown();
            }
        });
        CompletableFuture<Outcome> outcome;
        try (Connection session = database.connect();
                Statement statement = session.createStatement()) {
            session.setAutoCommit(false);
            statement.execute("select * from synckit.events_checkpoints for update");
            counts.set(true);
            outcome = CompletableFuture.supplyAsync(() -> {
                try {
                    return elsewhere.await(store.latestVersion(), Duration.ofSeconds(30));
                } catch (InterruptedException e) {
                    throw new IllegalStateException(e);
                }
            });
            assertThat(flushes.await(4, TimeUnit.MINUTES)).isTrue();
            session.rollback();
        }

        assertThat(outcome.get(4, TimeUnit.MINUTES)).isEqualTo(Outcome.HANDLED);
    }

    @Test
    void pauseTakesThePartitionFromAHandlerInAnotherProcess() throws InterruptedException {
        Collector<StoredEvent> handled = new Collector<>();
        DurableProcess owner = processes.start();
        owner.subscriptions().durable(options(), (event, context) -> handled.add(event));
        untilOwned("numbers", owner);
        DurableSubscription elsewhere = processes.start().subscriptions().durable(options(), (event, context) -> {});

        elsewhere.pause();
        store(0, 3);

        DurableStatus status = elsewhere.status();
        assertThat(status.paused()).isTrue();
        assertThat(status.partitions().get(0).owner()).isNull();
        assertThat(handled.rest()).isEmpty();
        elsewhere.resume();
        assertThat(elsewhere.await(store.latestVersion(), LONG)).isEqualTo(Outcome.HANDLED);
    }

    @Test
    void subscriptionWorksWithoutNotifications() throws InterruptedException {
        Collector<StoredEvent> handled = new Collector<>();
        DurableProcess polling = processes.start(
                builder -> builder.notifyMode(NotifyMode.OFF).withNotificationTimeout(Duration.ofMillis(50)));
        polling.subscriptions().durable(options(), (event, context) -> handled.add(event));
        store(0, 5);
        handled.next(5);
        DurableProcess second = processes.start(
                builder -> builder.notifyMode(NotifyMode.OFF).withNotificationTimeout(Duration.ofMillis(50)));
        second.subscriptions().durable(options(), (event, context) -> handled.add(event));

        polling.die();
        store(5, 10);

        handled.next(5);
    }

    @Test
    void subscriptionWorksBehindATransactionPooler() throws Exception {
        Collector<StoredEvent> handled = new Collector<>();
        AtomicBoolean closed = new AtomicBoolean();
        try (TransactionPooler pooler = new TransactionPooler(database.host(), database.port())) {
            org.postgresql.ds.PGSimpleDataSource physical = new org.postgresql.ds.PGSimpleDataSource();
            physical.setUrl(database.urlAt("localhost:" + pooler.port()));
            try (var listener = io.synckit.postgres.notification.NotificationListener.builder(
                            physical, io.synckit.ConnectionSource.of(database.pool()), JsonCodecs.jackson())
                    .withNotificationTimeout(Duration.ofMillis(50))
                    .withReconnectSettings(Duration.ofMillis(50), 2)
                    .build()) {
                listener.start();
                listener.subscriptions().durable(options(), (event, context) -> handled.add(event));
                store(0, 5);
                handled.next(5);
                closed.set(true);
            }
        }
        assertThat(closed).isTrue();
    }
}
