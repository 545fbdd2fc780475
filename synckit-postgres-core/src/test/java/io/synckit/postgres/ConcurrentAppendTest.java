package io.synckit.postgres;

import static io.synckit.postgres.testing.InThread.inThread;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.catchThrowable;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import io.synckit.AppendResult;
import io.synckit.DuplicateEventException;
import io.synckit.Event;
import io.synckit.EventStore;
import io.synckit.EventStoreException;
import io.synckit.ExpectedStreamVersion;
import io.synckit.InvalidConnectionException;
import io.synckit.OnDuplicate;
import io.synckit.StoredEvent;
import io.synckit.TransactionConflictException;
import io.synckit.UnusableTransactionException;
import io.synckit.Version;
import io.synckit.WrongExpectedVersionException;
import io.synckit.postgres.testing.Await;
import io.synckit.postgres.testing.CallersTransaction;
import io.synckit.postgres.testing.TestDatabase;
import io.synckit.postgres.testing.TestPostgres;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Writers that meet: on one aggregate, on one id, in the caller's transactions. */
class ConcurrentAppendTest {

    @RegisterExtension
    private final TestDatabase database = TestPostgres.shared().migratedDatabase();

    private final EventStore store = PostgresEventStore.on(database.pool(), Config.defaults());

    private List<StoredEvent> all() {
        try (Stream<StoredEvent> events = store.stream(Version.ZERO)) {
            return events.toList();
        }
    }

    private static void inParallel(int threads, Callable<?> work) throws Exception {
        ExecutorService executor = Executors.newFixedThreadPool(threads);
        try {
            List<Future<?>> futures = new ArrayList<>();
            for (int i = 0; i < threads; i++) {
                futures.add(executor.submit(work));
            }
            for (Future<?> future : futures) {
                future.get();
            }
        } finally {
            executor.shutdownNow();
        }
    }

    @Test
    void streamVersionsOfABusyAggregateHaveNoGap() throws Exception {
        inParallel(16, () -> {
            for (int i = 0; i < 40; i++) {
                if (i % 4 == 0) {
                    store.storeBatch(List.of(Event.of("a", "T", i), Event.of("a", "T", i)));
                } else {
                    store.store(Event.of("a", "T", i));
                }
            }
            return null;
        });

        assertThat(all())
                .extracting(StoredEvent::streamVersion)
                .containsExactlyElementsOf(
                        LongStream.rangeClosed(1, 16 * 50).boxed().toList());
    }

    @Test
    void ofManyWritersWithOneExpectationOneWins() throws Exception {
        AtomicInteger won = new AtomicInteger();
        AtomicInteger lost = new AtomicInteger();
        inParallel(8, () -> {
            for (long expected = 0; expected < 50; expected++) {
                try {
                    store.append("a", ExpectedStreamVersion.exactly(expected), List.of(Event.of("a", "T", expected)));
                    won.incrementAndGet();
                } catch (WrongExpectedVersionException e) {
                    lost.incrementAndGet();
                }
            }
            return null;
        });

        assertThat(won.get() + lost.get()).isEqualTo(8 * 50);
        assertThat(all()).hasSize(won.get()).extracting(StoredEvent::data).doesNotHaveDuplicates();
        assertThat(all())
                .allSatisfy(
                        event -> assertThat(((Number) event.data()).longValue()).isEqualTo(event.streamVersion() - 1));
    }

    @Test
    void secondWriterWaitsAndFailsIfTheFirstCommits() throws SQLException {
        try (CallersTransaction first = CallersTransaction.begin(database)) {
            first.store().append("a", ExpectedStreamVersion.noStream(), List.of(Event.of("a", "T", 1)));
            CompletableFuture<Throwable> second = inThread(() -> catchThrowable(
                    () -> store.append("a", ExpectedStreamVersion.noStream(), List.of(Event.of("a", "T", 2)))));
            Await.untilQueued(database, 1);

            first.commit();

            assertThat(second.join())
                    .isInstanceOf(WrongExpectedVersionException.class)
                    .hasMessageContaining("stream version 1");
        }
    }

    @Test
    void secondWriterSucceedsIfTheFirstRollsBack() throws SQLException {
        try (CallersTransaction first = CallersTransaction.begin(database)) {
            first.store().append("a", ExpectedStreamVersion.noStream(), List.of(Event.of("a", "T", 1)));
            CompletableFuture<List<AppendResult>> second =
                    inThread(() -> store.append("a", ExpectedStreamVersion.noStream(), List.of(Event.of("a", "T", 2))));
            Await.untilQueued(database, 1);

            first.rollback();

            assertThat(second.join()).extracting(AppendResult::streamVersion).containsExactly(1L);
        }
    }

    @Test
    void appendWaitsForAnUncommittedDuplicate() throws SQLException {
        Event event = Event.of("a", "T", 1);
        Event sameIdElsewhere = Event.of("b", "T", 1).withId(event.id());
        try (CallersTransaction first = CallersTransaction.begin(database);
                CallersTransaction second = CallersTransaction.begin(database)) {
            AppendResult result = first.store().store(event);
            CompletableFuture<Throwable> duplicate =
                    inThread(() -> catchThrowable(() -> second.store().store(sameIdElsewhere)));
            Await.until(
                    database,
                    "select count(*) from pg_stat_activity where datname = current_database() and wait_event = 'transactionid'",
                    "1");

            first.commit();

            assertThat(duplicate.join())
                    .isInstanceOf(DuplicateEventException.class)
                    .hasMessageContaining("version " + result.version());
            second.store().store(Event.of("b", "T", 2));
            second.commit();
        }
        assertThat(all()).extracting(StoredEvent::data).containsExactly(1, 2);
    }

    @Test
    void transactionStaysUsableAfterDuplicateAndConflict() throws SQLException {
        Event first = Event.of("a", "T", 1);
        store.store(first);
        database.execute("create table orders (n integer)");
        try (CallersTransaction caller = CallersTransaction.begin(database)) {
            caller.execute("insert into orders values (1)");
            EventStore joined = caller.store();
            assertThatExceptionOfType(DuplicateEventException.class).isThrownBy(() -> joined.store(first));
            assertThatExceptionOfType(DuplicateEventException.class)
                    .isThrownBy(() -> joined.storeBatch(List.of(Event.of("b", "T", "no"), first)));
            assertThatExceptionOfType(WrongExpectedVersionException.class)
                    .isThrownBy(() ->
                            joined.append("a", ExpectedStreamVersion.noStream(), List.of(Event.of("a", "T", "no"))));
            assertThatExceptionOfType(WrongExpectedVersionException.class)
                    .isThrownBy(() -> joined.append(
                            "a",
                            ExpectedStreamVersion.exactly(7),
                            List.of(Event.of("a", "T", "no"), Event.of("a", "T", "no"))));
            assertThat(joined.store(first, OnDuplicate.RETURN_EXISTING).alreadyStored())
                    .isTrue();
            joined.store(Event.of("a", "T", 2));
            caller.commit();
        }
        assertThat(all()).extracting(StoredEvent::data).containsExactly(1, 2);
        assertThat(database.query("select count(*) from orders")).isEqualTo("1");
    }

    @Test
    void eventsShareTheFateOfTheCallersTransaction() throws SQLException {
        database.execute("create table orders (n integer)");
        try (CallersTransaction caller = CallersTransaction.begin(database)) {
            caller.execute("insert into orders values (1)");
            caller.store().store(Event.of("a", "T", 1));
            caller.store().storeBatch(List.of(Event.of("a", "T", 2), Event.of("a", "T", 3)));
            caller.rollback();
        }
        assertThat(all()).isEmpty();
        assertThat(database.query("select count(*) from orders")).isEqualTo("0");
    }

    @Test
    void transactionWithManyAggregatesTakesFewLocks() throws SQLException {
        try (CallersTransaction caller = CallersTransaction.begin(database)) {
            for (int i = 0; i < 200; i++) {
                caller.store().store(Event.of("single-" + i, "T", i));
            }
            caller.store()
                    .storeBatch(IntStream.range(0, 2000)
                            .mapToObj(i -> Event.of("batch-" + i, "T", i))
                            .toList());

            assertThat(Integer.parseInt(database.query("select count(*) from pg_locks where locktype = 'advisory'"
                            + " and database = (select oid from pg_database where datname = current_database())")))
                    .isLessThanOrEqualTo(65);
            caller.commit();
        }
        assertThat(all()).hasSize(2200);
    }

    @Test
    void transactionWithManyBatchesTakesFewLocks() throws SQLException {
        try (CallersTransaction caller = CallersTransaction.begin(database)) {
            for (int i = 0; i < 50; i++) {
                int n = i;
                caller.store()
                        .storeBatch(IntStream.range(0, 10)
                                .mapToObj(a -> Event.of("a-" + n + "-" + a, "T", n))
                                .toList());
            }
            assertThat(Integer.parseInt(database.query("select count(*) from pg_locks where locktype = 'advisory'"
                            + " and database = (select oid from pg_database where datname = current_database())")))
                    .isLessThanOrEqualTo(65);
        }
    }

    @Test
    void transactionWithManyRejectionsTakesFewLocks() throws SQLException {
        try (CallersTransaction caller = CallersTransaction.begin(database)) {
            for (int i = 0; i < 200; i++) {
                String aggregate = "a-" + i;
                assertThatExceptionOfType(WrongExpectedVersionException.class)
                        .isThrownBy(() -> caller.store()
                                .append(
                                        aggregate,
                                        ExpectedStreamVersion.exactly(7),
                                        List.of(Event.of(aggregate, "T", 1))));
            }
            assertThat(Integer.parseInt(database.query("select count(*) from pg_locks where locktype = 'advisory'"
                            + " and database = (select oid from pg_database where datname = current_database())")))
                    .isLessThanOrEqualTo(64);
        }
    }

    /** Each attempt of a retry must see what it waited for, also where the database's default is an older snapshot. */
    @ParameterizedTest
    @ValueSource(strings = {"repeatable read", "serializable"})
    void busyAggregateWorksUnderAnotherDefaultIsolation(String isolation) throws Exception {
        database.execute(
                "alter database " + database.name() + " set default_transaction_isolation = '" + isolation + "'");
        inParallel(8, () -> {
            for (int i = 0; i < 20; i++) {
                store.store(Event.of("a", "T", i));
                store.storeBatch(List.of(Event.of("a", "T", i), Event.of("b", "T", i)));
            }
            return null;
        });
        assertThat(all()).hasSize(8 * 20 * 3);
    }

    /** A batch of more aggregates than may queue gets its turn among writers that never rest. */
    @Test
    void largeBatchGetsItsTurn() throws Exception {
        AtomicBoolean stop = new AtomicBoolean();
        List<CompletableFuture<Void>> writers = IntStream.range(0, 6)
                .mapToObj(writer -> inThread(() -> {
                    for (int i = writer; !stop.get(); i++) {
                        store.store(Event.of("a-" + i % 100, "T", i));
                    }
                }))
                .toList();
        for (int i = 0; i < 5; i++) {
            store.storeBatch(IntStream.range(0, 1000)
                    .mapToObj(n -> Event.of("a-" + n % 100, "T", n))
                    .toList());
        }
        stop.set(true);
        writers.forEach(CompletableFuture::join);
        assertThat(all()).hasSizeGreaterThan(5000);
    }

    /** Beyond the limit of the queue the unique key decides. A later writer waits for the commit, sees it and retries. */
    @Test
    void writerBeyondTheQueueLimitIsAwaited() throws SQLException {
        try (CallersTransaction bulk = CallersTransaction.begin(database)) {
            bulk.store()
                    .storeBatch(IntStream.range(0, 100)
                            .mapToObj(i -> Event.of("a-" + i, "T", "bulk"))
                            .toList());
            CompletableFuture<AppendResult> single = inThread(() -> store.store(Event.of("a-7", "T", "single")));
            CompletableFuture<List<AppendResult>> batch = inThread(() ->
                    store.storeBatch(List.of(Event.of("b", "T", 1), Event.of("a-8", "T", 2), Event.of("a-8", "T", 3))));
            CompletableFuture<Throwable> guarded = inThread(() -> catchThrowable(
                    () -> store.append("a-9", ExpectedStreamVersion.noStream(), List.of(Event.of("a-9", "T", 1)))));
            Await.until(
                    database,
                    "select count(*) from pg_stat_activity where datname = current_database() and wait_event = 'transactionid'",
                    "3");

            bulk.commit();

            assertThat(single.join().streamVersion()).isEqualTo(2);
            assertThat(batch.join()).extracting(AppendResult::streamVersion).containsExactly(1L, 2L, 3L);
            assertThat(guarded.join()).isInstanceOf(WrongExpectedVersionException.class);
        }
        assertThat(store.loadByAggregate("a-8", Version.ZERO))
                .extracting(StoredEvent::data)
                .containsExactly("bulk", 2, 3);
    }

    @Test
    void bulkAndSingleWritersOnTheSameAggregatesLeaveNoGap() throws Exception {
        AtomicInteger number = new AtomicInteger();
        inParallel(8, () -> {
            boolean bulk = number.getAndIncrement() < 2;
            for (int i = 0; i < 20; i++) {
                if (bulk) {
                    store.storeBatch(IntStream.range(0, 100)
                            .mapToObj(n -> Event.of("a-" + n, "T", n))
                            .toList());
                } else {
                    store.store(Event.of("a-" + i * 5, "T", i));
                    store.storeBatch(List.of(Event.of("a-" + i, "T", i), Event.of("a-" + i, "T", i)));
                }
            }
            return null;
        });

        List<StoredEvent> all = all();
        assertThat(all).hasSize(2 * 20 * 100 + 6 * 20 * 3);
        for (int n = 0; n < 100; n++) {
            String aggregate = "a-" + n;
            List<Long> versions = all.stream()
                    .filter(event -> event.aggregateId().equals(aggregate))
                    .map(StoredEvent::streamVersion)
                    .toList();
            assertThat(versions)
                    .containsExactlyElementsOf(
                            LongStream.rangeClosed(1, versions.size()).boxed().toList());
        }
    }

    @Test
    void repeatableReadConflictIsATransactionConflict() throws SQLException {
        try (CallersTransaction caller = CallersTransaction.begin(database)) {
            caller.execute("set transaction isolation level repeatable read");
            caller.store().loadByAggregate("a", Version.ZERO);
            store.store(Event.of("a", "T", 1));

            assertThatExceptionOfType(TransactionConflictException.class)
                    .isThrownBy(() -> caller.store().store(Event.of("a", "T", 2)))
                    .withMessageContaining("whole transaction again");
        }
    }

    @Test
    void deadlockIsATransactionConflict() throws SQLException {
        try (CallersTransaction one = CallersTransaction.begin(database);
                CallersTransaction two = CallersTransaction.begin(database)) {
            one.store().store(Event.of("a", "T", 1));
            two.store().store(Event.of("b", "T", 1));
            CompletableFuture<Throwable> first = inThread(() -> {
                Throwable failure = catchThrowable(() -> one.store().store(Event.of("b", "T", 2)));
                rollbackAfter(failure, one);
                return failure;
            });
            CompletableFuture<Throwable> second = inThread(() -> {
                Throwable failure = catchThrowable(() -> two.store().store(Event.of("a", "T", 2)));
                rollbackAfter(failure, two);
                return failure;
            });

            assertThat(Stream.of(first, second).map(CompletableFuture::join).filter(failure -> failure != null))
                    .singleElement()
                    .isInstanceOf(TransactionConflictException.class);
        }
    }

    private static void rollbackAfter(Throwable failure, CallersTransaction caller) {
        if (failure != null) {
            try {
                caller.rollback();
            } catch (SQLException e) {
                throw new IllegalStateException(e);
            }
        }
    }

    @Test
    void poolWithoutAutoCommitCommits() {
        HikariConfig config = new HikariConfig();
        config.setJdbcUrl(database.url());
        config.setAutoCommit(false);
        config.setMaximumPoolSize(1);
        try (HikariDataSource pool = new HikariDataSource(config)) {
            EventStore other = PostgresEventStore.on(pool, Config.defaults());
            other.store(Event.of("a", "T", 1));
            other.storeBatch(List.of(Event.of("a", "T", 2), Event.of("b", "T", 3)));
            try (Stream<StoredEvent> events = other.stream(Version.ZERO)) {
                assertThat(events.limit(1)).hasSize(1);
            }
            assertThat(other.load(Version.ZERO)).hasSize(3);
        }
        assertThat(all()).hasSize(3);
    }

    @Test
    void streamReturnsItsConnection() {
        store.storeBatch(
                IntStream.range(0, 50).mapToObj(i -> Event.of("a", "T", i)).toList());
        HikariConfig config = new HikariConfig();
        config.setJdbcUrl(database.url());
        config.setMaximumPoolSize(1);
        try (HikariDataSource pool = new HikariDataSource(config)) {
            EventStore other =
                    PostgresEventStore.on(pool, Config.builder().batchSize(7).build());
            for (int i = 0; i < 3; i++) {
                try (Stream<StoredEvent> half = other.stream(Version.ZERO)) {
                    assertThat(half.limit(25)).hasSize(25);
                }
                // Read to its end, a stream closes by itself.
                assertThat(other.stream(Version.ZERO).count()).isEqualTo(50);
            }
            assertThat(pool.getHikariPoolMXBean().getActiveConnections()).isZero();
        }
    }

    @Test
    void readOnlyOrFailedTransactionIsUnusable() throws SQLException {
        try (CallersTransaction caller = CallersTransaction.begin(database)) {
            caller.execute("set transaction read only");
            assertThatExceptionOfType(UnusableTransactionException.class)
                    .isThrownBy(() -> caller.store().store(Event.of("a", "T", 1)))
                    .withMessageContaining("25006");
            assertThatExceptionOfType(UnusableTransactionException.class)
                    .isThrownBy(() -> caller.store().find("e"))
                    .withMessageContaining("25P02");
        }
    }

    @Test
    void terminatedSessionIsNamedAndTheNextCallWorks() throws SQLException {
        try (CallersTransaction caller = CallersTransaction.begin(database)) {
            caller.store().store(Event.of("a", "T", 1));
            database.execute("select pg_terminate_backend(pid) from pg_stat_activity"
                    + " where datname = current_database() and state = 'idle in transaction'");
            assertThatExceptionOfType(InvalidConnectionException.class)
                    .isThrownBy(() -> caller.store().store(Event.of("a", "T", 2)));
            caller.connection().close();
        }
        store.store(Event.of("a", "T", 3));
        assertThat(all()).extracting(StoredEvent::data).containsExactly(3);
    }

    @Test
    void unreachableDatabaseIsNamed() {
        assertThatExceptionOfType(InvalidConnectionException.class)
                .isThrownBy(() -> PostgresEventStore.open(Config.builder()
                        .connectionString("jdbc:postgresql://localhost:1/none")
                        .build()))
                .withMessageContaining("cannot be reached");
    }

    @Test
    void lockTimeoutIsNotMultiplied() throws SQLException {
        database.execute("alter database " + database.name() + " set lock_timeout = '50ms'");
        try (CallersTransaction blocker = CallersTransaction.begin(database)) {
            blocker.store().store(Event.of("a", "T", 1));
            EventStore fresh = PostgresEventStore.on(database.pool(), Config.defaults());
            assertThatExceptionOfType(TransactionConflictException.class)
                    .isThrownBy(() -> fresh.store(Event.of("a", "T", 2)))
                    .withMessageContaining("55P03");
        }
    }

    @Test
    void otherDatabaseErrorsKeepTheirState() throws SQLException {
        try (CallersTransaction blocker = CallersTransaction.begin(database);
                CallersTransaction caller = CallersTransaction.begin(database)) {
            blocker.store().store(Event.of("a", "T", 1));
            caller.execute("set statement_timeout = '50ms'");
            assertThatExceptionOfType(EventStoreException.class)
                    .isThrownBy(() -> caller.store().store(Event.of("a", "T", 2)))
                    .withMessageContaining("57014");
        }
    }
}
