package io.synckit.postgres;

import static io.synckit.postgres.testing.InThread.inThread;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatNullPointerException;
import static org.assertj.core.api.Assertions.catchThrowable;

import com.zaxxer.hikari.HikariDataSource;
import io.synckit.AppendOptions;
import io.synckit.AppendResult;
import io.synckit.ConnectionSource;
import io.synckit.DuplicateEventException;
import io.synckit.Event;
import io.synckit.EventStoreException;
import io.synckit.ExpectedStreamVersion;
import io.synckit.InvalidConnectionException;
import io.synckit.OnDuplicate;
import io.synckit.StoredEvent;
import io.synckit.Version;
import io.synckit.WrongExpectedVersionException;
import io.synckit.postgres.internal.jdbc.EventInserts;
import io.synckit.postgres.internal.jdbc.EventRow;
import io.synckit.postgres.internal.jdbc.TableName;
import io.synckit.postgres.testing.Await;
import io.synckit.postgres.testing.CallersTransaction;
import io.synckit.postgres.testing.TestDatabase;
import io.synckit.postgres.testing.TestPostgres;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ForkJoinPool;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * Callers that store at the same time share a transaction. As many groups as there may be are held where they borrow their connections, so
 * that the next callers wait, until the test lets the first ones go.
 */
class WriteGroupsTest {

    private static final AppendOptions FAIL = AppendOptions.DEFAULTS;
    private static final AppendOptions RETURN_EXISTING = AppendOptions.onDuplicate(OnDuplicate.RETURN_EXISTING);
    private static final Duration LONG = Duration.ofMinutes(5);
    private static final int MANY = 1_000_000;

    private TestDatabase database;
    private final Semaphore connections = new Semaphore(MANY);
    private final AtomicInteger borrowing = new AtomicInteger();
    private final AtomicReference<Exception> refusal = new AtomicReference<>();
    private PostgresEventStore store;
    private WriteGroups groups;

    private final ConnectionSource source = () -> {
        borrowing.incrementAndGet();
        connections.acquireUninterruptibly();
        Exception refused = refusal.get();
        if (refused instanceof SQLException e) {
            throw e;
        } else if (refused != null) {
            throw new IllegalStateException(refused);
        }
        Connection connection = database.pool().getConnection();
        return new ConnectionSource.Borrowed(connection, false, connection::close);
    };

    @BeforeEach
    void open() {
        database = TestPostgres.shared().migratedDatabase();
        store = PostgresEventStore.on(database.pool(), Config.defaults());
        groups = groups(LONG);
    }

    @AfterEach
    void close() {
        release();
        store.close();
        database.close();
    }

    private WriteGroups groups(Duration patience) {
        return new WriteGroups(
                new EventAppender(source, new EventInserts(new TableName("synckit", "events"), true)),
                "synckit.events",
                patience);
    }

    private static EventRow row(String id, String aggregateId, String type) {
        return new EventRow(id, aggregateId, type, "{}", "{}", 4);
    }

    private static EventRow row(String aggregateId, String type) {
        return row(UUID.randomUUID().toString(), aggregateId, type);
    }

    private CompletableFuture<AppendResult> append(
            EventRow row, ExpectedStreamVersion expected, AppendOptions options) {
        return inThread(() -> groups.append(row, expected, options));
    }

    /** All groups that there may be are under way from now on, until {@link #release}. */
    private List<CompletableFuture<AppendResult>> hold() {
        int all = new Concurrency(0).most();
        connections.drainPermits();
        int before = borrowing.get();
        List<CompletableFuture<AppendResult>> leading = IntStream.range(0, all)
                .mapToObj(i -> append(row("leading-" + i, "Leading"), ExpectedStreamVersion.any(), FAIL))
                .toList();
        Await.until(() -> borrowing.get() == before + all);
        return leading;
    }

    /** A caller who waits, behind those who waited before. */
    private CompletableFuture<AppendResult> waits(EventRow row, ExpectedStreamVersion expected, AppendOptions options) {
        int before = groups.waiting();
        CompletableFuture<AppendResult> result = append(row, expected, options);
        Await.until(() -> groups.waiting() == before + 1);
        return result;
    }

    private CompletableFuture<AppendResult> waits(EventRow row) {
        return waits(row, ExpectedStreamVersion.any(), FAIL);
    }

    private void release() {
        connections.release(MANY - connections.availablePermits());
    }

    private static AppendResult stored(CompletableFuture<AppendResult> result) {
        return result.orTimeout(30, TimeUnit.SECONDS).join();
    }

    private static Throwable failure(CompletableFuture<AppendResult> result) {
        Throwable failure = catchThrowable(() -> stored(result));
        assertThat(failure).isInstanceOf(CompletionException.class);
        return failure.getCause();
    }

    private String transactionsOf(String type) {
        return database.query(
                "select count(distinct xmin::text) from synckit.events where event_type = '" + type + "'");
    }

    private void gapless() {
        Map<String, Long> last = new HashMap<>();
        try (Stream<StoredEvent> events = store.stream(Version.ZERO)) {
            events.forEach(event -> assertThat(event.streamVersion())
                    .as(event.aggregateId())
                    .isEqualTo(last.merge(event.aggregateId(), 1L, Long::sum)));
        }
    }

    @Test
    void whoWaitsSharesATransaction() {
        List<CompletableFuture<AppendResult>> leading = hold();
        List<CompletableFuture<AppendResult>> waiting = IntStream.range(0, 12)
                .mapToObj(i -> waits(row("a-" + i % 5, "Shared")))
                .toList();

        release();

        assertThat(leading)
                .allSatisfy(result -> assertThat(stored(result).streamVersion()).isEqualTo(1));
        assertThat(waiting)
                .allSatisfy(result -> assertThat(store.get(stored(result).id()).version())
                        .isEqualTo(stored(result).version()));
        // Some groups end at the same time, and then more than one may lead.
        assertThat(Integer.parseInt(transactionsOf("Shared"))).isLessThanOrEqualTo(new Concurrency(0).most());
        gapless();
    }

    @Test
    void oneWhoIsAloneWaitsForNobody() {
        assertThat(groups.append(row("a", "T"), ExpectedStreamVersion.any(), FAIL)
                        .streamVersion())
                .isEqualTo(1);
        assertThat(borrowing).hasValue(1);
    }

    @Test
    void eachHearsItsOwnError() {
        store.store(new Event("there", "taken", "T", Map.of(), Map.of()));
        hold();
        CompletableFuture<AppendResult> good = waits(row("a", "T"));
        CompletableFuture<AppendResult> taken = waits(row("there", "b", "T"));
        CompletableFuture<AppendResult> again =
                waits(row("there", "taken", "T"), ExpectedStreamVersion.any(), RETURN_EXISTING);
        CompletableFuture<AppendResult> wrong = waits(row("c", "T"), ExpectedStreamVersion.exactly(7), FAIL);
        CompletableFuture<AppendResult> right = waits(row("taken", "T"), ExpectedStreamVersion.exactly(1), FAIL);
        CompletableFuture<AppendResult> tooLate = waits(row("taken", "T"), ExpectedStreamVersion.exactly(1), FAIL);
        CompletableFuture<AppendResult> last = waits(row("a", "T"));

        release();

        assertThat(stored(good).streamVersion() + stored(last).streamVersion()).isEqualTo(3);
        assertThat(failure(taken)).isInstanceOf(DuplicateEventException.class).hasMessageContaining("there");
        assertThat(stored(again).alreadyStored()).isTrue();
        assertThat(failure(wrong)).isInstanceOf(WrongExpectedVersionException.class);
        // One of the two, whichever was first.
        assertThat(Stream.of(right, tooLate)
                        .filter(result -> catchThrowable(() -> stored(result)) == null)
                        .count())
                .isEqualTo(1);
        assertThat(Stream.of(right, tooLate)
                        .map(result -> catchThrowable(() -> stored(result)))
                        .filter(Objects::nonNull)
                        .map(Throwable::getCause))
                .allSatisfy(e -> assertThat(e).isInstanceOf(WrongExpectedVersionException.class));
        gapless();
    }

    /** Otherwise the next of the aggregate would be in the way of a group, and be left out as well. */
    @Test
    void whoStoresAloneKeepsItsAggregate() throws Exception {
        try (Connection other = database.pool().getConnection()) {
            other.setAutoCommit(false);
            other.createStatement()
                    .execute("insert into synckit.events (id, aggregate_id, event_type, data)"
                            + " values ('first', 'busy', 'T', '{}')");
            CompletableFuture<AppendResult> alone = append(row("busy", "T"), ExpectedStreamVersion.any(), FAIL);
            // Once in a group, once alone.
            Await.until(() -> borrowing.get() == 2);

            CompletableFuture<AppendResult> next = waits(row("busy", "T"));
            other.commit();

            assertThat(stored(alone).streamVersion()).isEqualTo(2);
            assertThat(stored(next).streamVersion()).isEqualTo(3);
        }
    }

    @Test
    void anIdThatIsTakenDoesNotBreakUpTheGroup() {
        store.store(new Event("there", "taken", "T", Map.of(), Map.of()));
        hold();
        List<CompletableFuture<AppendResult>> waiting = new ArrayList<>();
        for (int i = 0; i < 12; i++) {
            waiting.add(waits(row("a-" + i, "Shared")));
        }
        CompletableFuture<AppendResult> taken = waits(row("there", "b", "T"));

        release();

        assertThat(failure(taken)).isInstanceOf(DuplicateEventException.class);
        assertThat(waiting)
                .allSatisfy(result -> assertThat(stored(result).streamVersion()).isEqualTo(1));
        assertThat(Integer.parseInt(transactionsOf("Shared"))).isLessThanOrEqualTo(new Concurrency(0).most());
    }

    @Test
    void theSameIdAtTheSameTimeIsStoredOnce() {
        hold();
        List<CompletableFuture<AppendResult>> same = IntStream.range(0, 8)
                .mapToObj(i -> waits(row("same", "a-" + i % 2, "T"), ExpectedStreamVersion.any(), FAIL))
                .toList();

        release();

        assertThat(same.stream()
                        .filter(result -> catchThrowable(() -> stored(result)) == null)
                        .count())
                .isEqualTo(1);
        assertThat(database.query("select count(*) from synckit.events where id = 'same'"))
                .isEqualTo("1");
        gapless();
    }

    @Test
    void anAggregateOfAnOpenTransactionHoldsUpNobodyElse() throws SQLException {
        try (CallersTransaction open = CallersTransaction.begin(database)) {
            open.store().store(Event.of("busy", "T", 0));
            hold();
            CompletableFuture<AppendResult> held = waits(row("busy", "T"));
            List<CompletableFuture<AppendResult>> others = IntStream.range(0, 5)
                    .mapToObj(i -> waits(row("free-" + i, "T")))
                    .toList();

            release();

            assertThat(others)
                    .allSatisfy(
                            result -> assertThat(stored(result).streamVersion()).isEqualTo(1));
            assertThat(held).isNotDone();
            open.commit();
            assertThat(stored(held).streamVersion()).isEqualTo(2);
        }
    }

    /** The id is taken by a transaction that is open and writes to another aggregate: only the unique key knows, and that waits. */
    @Test
    void anIdOfAnOpenTransactionHoldsUpNobodyElse() throws SQLException {
        try (CallersTransaction open = CallersTransaction.begin(database)) {
            open.store().store(new Event("open", "other", "T", Map.of(), Map.of()));
            hold();
            CompletableFuture<AppendResult> held = waits(row("open", "mine", "T"));
            List<CompletableFuture<AppendResult>> others = IntStream.range(0, 5)
                    .mapToObj(i -> waits(row("free-" + i, "T")))
                    .toList();

            release();

            assertThat(others)
                    .allSatisfy(
                            result -> assertThat(stored(result).streamVersion()).isEqualTo(1));
            assertThat(held).isNotDone();
            open.rollback();
            assertThat(stored(held).streamVersion()).isEqualTo(1);
        }
    }

    @Test
    void whatTheTablesOwnerForbidsFailsAlone() {
        database.execute("alter table synckit.events add constraint polite check (event_type <> 'Rude')");
        hold();
        CompletableFuture<AppendResult> rude = waits(row("a", "Rude"));
        List<CompletableFuture<AppendResult>> others =
                IntStream.range(0, 5).mapToObj(i -> waits(row("b-" + i, "T"))).toList();

        release();

        assertThat(failure(rude)).isInstanceOf(EventStoreException.class).hasMessageContaining("polite");
        assertThat(others)
                .allSatisfy(result -> assertThat(stored(result).streamVersion()).isEqualTo(1));
    }

    @Test
    void aConnectionThatIsLostIsToldToAllWhoWereOnIt() {
        List<CompletableFuture<AppendResult>> leading = hold();
        List<CompletableFuture<AppendResult>> waiting =
                IntStream.range(0, 5).mapToObj(i -> waits(row("a-" + i, "T"))).toList();
        refusal.set(new SQLException("gone", "08006"));

        release();

        assertThat(leading)
                .allSatisfy(result -> assertThat(failure(result))
                        .isInstanceOf(InvalidConnectionException.class)
                        .hasMessageContaining("gone"));
        assertThat(waiting)
                .allSatisfy(result -> assertThat(failure(result))
                        .isInstanceOf(InvalidConnectionException.class)
                        .hasMessageContaining("gone"));
        // It may be stored, so nobody stores it again: no more connections than there were groups.
        assertThat(borrowing.get()).isLessThanOrEqualTo(2 * leading.size());
        refusal.set(null);
        assertThat(groups.append(row("after", "T"), ExpectedStreamVersion.any(), FAIL)
                        .streamVersion())
                .isEqualTo(1);
    }

    @Test
    void anErrorOfTheLeadersIsToldToAll() {
        hold();
        List<CompletableFuture<AppendResult>> waiting =
                IntStream.range(0, 5).mapToObj(i -> waits(row("a-" + i, "T"))).toList();
        refusal.set(new IllegalStateException("broken"));

        release();

        assertThat(waiting).allSatisfy(result -> assertThat(failure(result)).hasMessageContaining("broken"));
    }

    /** A database's backend that is terminated while a group's statement runs: held by a trigger, until the test has ended it. */
    @Test
    void aBackendThatIsTerminatedIsToldToAllWhoWereOnIt() throws Exception {
        database.execute("create function synckit.slow() returns trigger language plpgsql as $$ begin"
                + " perform pg_advisory_xact_lock_shared(4711); return null; end $$");
        database.execute("create constraint trigger slow after insert on synckit.events deferrable initially deferred"
                + " for each row when (new.event_type = 'Slow') execute function synckit.slow()");
        try (Connection holder = database.connect();
                Statement statement = holder.createStatement()) {
            statement.execute("select pg_advisory_lock(4711)");
            hold();
            List<CompletableFuture<AppendResult>> waiting = IntStream.range(0, 5)
                    .mapToObj(i -> waits(row("a-" + i, "Slow")))
                    .toList();
            release();
            Await.until(() -> groups.waiting() == 0
                    && database.query(
                                    "select bool_or(wait_event = 'advisory') from pg_stat_activity where datname = current_database()")
                            .equals("t"));

            database.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and wait_event = 'advisory'");
            statement.execute("select pg_advisory_unlock(4711)");

            long lost = waiting.stream()
                    .filter(result -> catchThrowable(() -> stored(result)) != null)
                    .count();
            assertThat(database.query("select count(*) from synckit.events where event_type = 'Slow'"))
                    .isEqualTo(String.valueOf(5 - lost));
        }
    }

    @Test
    void aGroupThatHangsHoldsUpNobodyElse() {
        groups = groups(Duration.ofMillis(1));
        List<CompletableFuture<AppendResult>> hanging = hold();

        CompletableFuture<AppendResult> next = append(row("a", "T"), ExpectedStreamVersion.any(), FAIL);
        Await.until(() -> borrowing.get() == hanging.size() + 1);
        connections.release(1);

        assertThat(CompletableFuture.anyOf(
                        Stream.concat(hanging.stream(), Stream.of(next)).toArray(CompletableFuture[]::new)))
                .succeedsWithin(Duration.ofSeconds(30));
    }

    @Test
    void whoIsInterruptedWhileItWaitsStoresAndStaysInterrupted() {
        hold();
        AtomicReference<Thread> waiter = new AtomicReference<>();
        CompletableFuture<Boolean> interrupted = inThread(() -> {
            waiter.set(Thread.currentThread());
            groups.append(row("a", "T"), ExpectedStreamVersion.any(), FAIL);
            return Thread.interrupted();
        });
        Await.until(() -> groups.waiting() == 1);
        CompletableFuture<AppendResult> other = waits(row("b", "T"));

        waiter.get().interrupt();
        Await.until(() -> groups.waiting() == 1);
        release();

        assertThat(stored(other).streamVersion()).isEqualTo(1);
        assertThat(interrupted
                        .orTimeout(30, TimeUnit.SECONDS)
                        .exceptionally(e -> {
                            // HikariCP gives no connection to an interrupted thread.
                            assertThat(e).hasMessageContaining("nterrupted");
                            return true;
                        })
                        .join())
                .isTrue();
    }

    @Test
    void aNullIsItsCallersAlone() {
        Event event = Event.of("a", "T", 1);
        assertThatNullPointerException().isThrownBy(() -> store.append("a", null, List.of(event)));
        assertThatNullPointerException().isThrownBy(() -> store.store(event, null));
    }

    /** A trigger that keeps out a row must not leave a gap below the next one of the aggregate. */
    @Test
    void aTriggerThatKeepsRowsOutLeavesNoGap() {
        database.execute("create function keep_out() returns trigger language plpgsql as $$ begin"
                + " if new.event_type = 'Unwanted' then return null; end if; return new; end $$;"
                + " create trigger keep_out before insert on synckit.events for each row execute function keep_out()");
        hold();
        waits(row("a", "Unwanted"));
        List<CompletableFuture<AppendResult>> wanted =
                IntStream.range(0, 5).mapToObj(i -> waits(row("a", "T"))).toList();

        release();

        wanted.forEach(WriteGroupsTest::stored);
        gapless();
    }

    /** As a foreign server's errors: of the class of lost connections, but it is the server that says so. */
    @Test
    void anErrorOfATriggerIsItsCallersAlone() {
        database.execute("create function remote() returns trigger language plpgsql as $$ begin"
                + " if new.event_type = 'Remote' then raise exception 'not there' using errcode = '08001'; end if;"
                + " return new; end $$;"
                + " create trigger remote before insert on synckit.events for each row execute function remote()");
        hold();
        CompletableFuture<AppendResult> remote = waits(row("a", "Remote"));
        List<CompletableFuture<AppendResult>> others =
                IntStream.range(0, 5).mapToObj(i -> waits(row("b-" + i, "T"))).toList();

        release();

        assertThat(failure(remote)).isInstanceOf(InvalidConnectionException.class);
        assertThat(others)
                .allSatisfy(result -> assertThat(stored(result).streamVersion()).isEqualTo(1));
    }

    /** In a pool that gives a waiting worker other work to do, that would store within a caller's store. */
    @Test
    void whoWaitsIsGivenNoOtherWork() {
        ForkJoinPool pool = new ForkJoinPool(2);
        ThreadLocal<Boolean> within = ThreadLocal.withInitial(() -> false);
        AtomicInteger nested = new AtomicInteger();
        try {
            List<CompletableFuture<Void>> all = new ArrayList<>();
            CompletableFuture.runAsync(
                            () -> {
                                for (int i = 0; i < 300; i++) {
                                    int n = i;
                                    all.add(CompletableFuture.runAsync(
                                            () -> {
                                                if (within.get()) {
                                                    nested.incrementAndGet();
                                                }
                                                within.set(true);
                                                groups.append(
                                                        row("a-" + n % 2, "T"), ExpectedStreamVersion.any(), FAIL);
                                                within.set(false);
                                            },
                                            pool));
                                }
                            },
                            pool)
                    .orTimeout(60, TimeUnit.SECONDS)
                    .join();
            all.forEach(each -> each.orTimeout(60, TimeUnit.SECONDS).join());
            assertThat(nested).hasValue(0);
            gapless();
        } finally {
            pool.shutdownNow();
        }
    }

    @Test
    void manyCallersOfFewAggregates() {
        List<CompletableFuture<Integer>> callers = IntStream.range(0, 24)
                .mapToObj(caller -> inThread(() -> {
                    int stored = 0;
                    for (int i = 0; i < 100; i++) {
                        ExpectedStreamVersion expected =
                                i % 7 == 3 ? ExpectedStreamVersion.exactly(i) : ExpectedStreamVersion.any();
                        String id = i % 7 == 0 ? "id-" + i : UUID.randomUUID().toString();
                        try {
                            groups.append(
                                    row(id, "a-" + caller % 3, "T"),
                                    expected,
                                    caller % 2 == 0 ? FAIL : RETURN_EXISTING);
                            stored++;
                        } catch (DuplicateEventException | WrongExpectedVersionException e) {
                            // As they should.
                        }
                    }
                    return stored;
                }))
                .toList();

        callers.forEach(caller -> caller.orTimeout(120, TimeUnit.SECONDS).join());

        // Ids that come from all callers are stored once, each by one aggregate; all that have their own are stored
        // unless refused.
        assertThat(database.query("select count(*) from synckit.events where id like 'id-%'"))
                .isEqualTo("15");
        assertThat(database.query(
                        "select count(*) from (select 1 from synckit.events group by id having count(*) > 1) d"))
                .isEqualTo("0");
        gapless();
    }

    @Test
    void transactionsAreSharedWhereConnectionsDoNotDependOnTheThread() {
        try (HikariDataSource pool = new HikariDataSource();
                HikariDataSource tenants = new HikariDataSource() {}) {
            assertThat(ConnectionSource.of(pool).sameForAllThreads()).isTrue();
            assertThat(ConnectionSource.of(tenants).sameForAllThreads()).isFalse();
        }
    }
}
