package io.synckit.postgres.internal.append;

import static io.synckit.postgres.testing.InThread.inThread;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import io.synckit.AppendResult;
import io.synckit.ConnectionSource;
import io.synckit.DuplicateEventException;
import io.synckit.Event;
import io.synckit.EventStore;
import io.synckit.EventStoreException;
import io.synckit.ExpectedStreamVersion;
import io.synckit.Instrumentation;
import io.synckit.InvalidConfigException;
import io.synckit.InvalidConnectionException;
import io.synckit.InvalidEventException;
import io.synckit.OnDuplicate;
import io.synckit.StoreClosedException;
import io.synckit.StoredEvent;
import io.synckit.TransactionConflictException;
import io.synckit.UnusableTransactionException;
import io.synckit.Version;
import io.synckit.postgres.Config;
import io.synckit.postgres.PostgresEventStore;
import io.synckit.postgres.internal.json.JacksonJson;
import io.synckit.postgres.internal.sql.EventRow;
import io.synckit.postgres.internal.sql.TableName;
import io.synckit.postgres.testing.Await;
import io.synckit.postgres.testing.CallersTransaction;
import io.synckit.postgres.testing.TestDatabase;
import io.synckit.postgres.testing.TestPostgres;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Many callers, one transaction. The only lane is held by a caller's transaction on aggregate "busy" where events must gather. */
class GroupCommitTest {

    private static final OnDuplicate RETURN_EXISTING = OnDuplicate.RETURN_EXISTING;
    private static final Config ONE_LANE = Config.builder().asyncLanes(1).build();
    private static final long BACKENDS_IN_COMMIT = 4711;

    @RegisterExtension
    private final TestDatabase database = TestPostgres.shared().migratedDatabase();

    private PostgresEventStore store;
    private CallersTransaction busy;

    @BeforeEach
    void open() throws SQLException {
        store = PostgresEventStore.on(database.pool(), ONE_LANE);
        busy = CallersTransaction.begin(database);
    }

    @AfterEach
    void close() throws SQLException {
        busy.close();
        store.close();
    }

    /** Until the transaction on "busy" ends, what is stored now gathers. */
    private CompletableFuture<AppendResult> gather() {
        busy.store().store(Event.of("busy", "T", 0));
        CompletableFuture<AppendResult> held = store.storeAsync(Event.of("busy", "T", 1));
        Await.untilQueued(database, 1);
        return held;
    }

    private static AppendResult stored(CompletableFuture<AppendResult> result) {
        try {
            return result.get(120, TimeUnit.SECONDS);
        } catch (Exception e) {
            throw new AssertionError(e);
        }
    }

    private static Throwable failure(CompletableFuture<?> result) {
        Throwable failure = catchThrowable(() -> result.get(120, TimeUnit.SECONDS));
        assertThat(failure).isInstanceOf(ExecutionException.class);
        return failure.getCause();
    }

    private List<StoredEvent> all() {
        try (Stream<StoredEvent> events = store.stream(Version.ZERO)) {
            return events.toList();
        }
    }

    @Test
    void waitingEventsShareATransaction() throws Exception {
        CompletableFuture<AppendResult> held = gather();
        List<CompletableFuture<AppendResult>> results = IntStream.range(0, 100)
                .mapToObj(i -> store.storeAsync(Event.of("a-" + i % 7, "Gathered", i)))
                .toList();
        assertThat(store.waiting()).isEqualTo(100);

        busy.commit();

        assertThat(stored(held).streamVersion()).isEqualTo(2);
        assertThat(results)
                .extracting(GroupCommitTest::stored)
                .allSatisfy(
                        result -> assertThat(store.get(result.id()).version()).isEqualTo(result.version()));
        assertThat(database.query(
                        "select count(distinct xmin::text) from synckit.events where event_type = 'Gathered'"))
                .isEqualTo("1");
        assertThat(store.waiting()).isZero();
    }

    @Test
    void orderOfEachCallerIsKeptInALane() {
        int callers = 16;
        List<CompletableFuture<List<CompletableFuture<AppendResult>>>> running = IntStream.range(0, callers)
                .mapToObj(caller -> inThread(() -> IntStream.range(0, 500)
                        // Some aggregates are a caller's own, some are everybody's.
                        .mapToObj(i -> store.storeAsync(Event.of(i % 3 == 0 ? "shared" : "of-" + caller, "T", i)))
                        .toList()))
                .toList();

        for (CompletableFuture<List<CompletableFuture<AppendResult>>> caller : running) {
            assertThat(caller.join())
                    .extracting(result -> stored(result).version().value())
                    .isSorted();
        }
        assertThat(all()).hasSize(callers * 500);
        Map<String, Long> last = new HashMap<>();
        for (StoredEvent event : all()) {
            assertThat(event.streamVersion()).isEqualTo(last.merge(event.aggregateId(), 1L, Long::sum));
        }
    }

    @Test
    void failingEventFailsAlone() throws Exception {
        database.execute("alter table synckit.events add constraint not_bad check (event_type <> 'Bad')");
        store.store(Event.of("a", "T", 1).withId("there"));
        gather();
        var first = store.storeAsync(Event.of("a", "T", 1));
        var again = store.storeAsync(Event.of("a", "T", 1).withId("there"));
        var bad = store.storeAsync(Event.of("b", "Bad", 1));
        var repeated = store.storeAsync(Event.of("a", "T", 1).withId("there"), RETURN_EXISTING);
        var another = store.storeAsync(Event.of("other", "T", 1).withId("there"), RETURN_EXISTING);
        var twice = List.of(
                store.storeAsync(Event.of("c", "T", 1).withId("twice")),
                store.storeAsync(Event.of("c", "T", 1).withId("twice")));
        var last = store.storeAsync(Event.of("a", "T", 1));

        busy.commit();

        assertThat(stored(first).streamVersion()).isEqualTo(2);
        assertThat(failure(again)).isInstanceOf(DuplicateEventException.class).hasMessageContaining("'there'");
        assertThat(failure(bad)).isInstanceOf(EventStoreException.class).hasMessageContaining("not_bad");
        assertThat(stored(repeated).alreadyStored()).isTrue();
        assertThat(failure(another)).isInstanceOf(DuplicateEventException.class).hasMessageContaining("another event");
        assertThat(stored(twice.get(0)).alreadyStored()).isFalse();
        assertThat(failure(twice.get(1))).isInstanceOf(DuplicateEventException.class);
        assertThat(stored(last).streamVersion()).isEqualTo(3);
        assertThat(all()).hasSize(6);
    }

    @Test
    void invalidCallThrows() {
        assertThatThrownBy(() -> store.storeAsync(Event.of("a", "T", Double.NaN)))
                .isInstanceOf(InvalidEventException.class);
        assertThatThrownBy(() -> store.storeAsync(null)).isInstanceOf(InvalidEventException.class);
    }

    @Test
    void storeAsyncIsRejectedInATransaction() {
        ConnectionSource busySource = new ConnectionSource() {
            @Override
            public Borrowed borrow() {
                throw new AssertionError("nothing is to be borrowed");
            }

            @Override
            public boolean inCallersTransaction() {
                return true;
            }
        };
        EventStore inTransaction = new PostgresEventStore(
                database.pool(), busySource, new JacksonJson(), Config.defaults(), Instrumentation.NONE);

        assertThatThrownBy(() -> inTransaction.storeAsync(Event.of("a", "T", 1).withId("x")))
                .isInstanceOf(UnusableTransactionException.class)
                .hasMessageContaining("'x'");
        // A source that does not report the transaction: no event joins the caller's transaction from another thread.
        EventStore joining = new PostgresEventStore(
                database.pool(),
                () -> new ConnectionSource.Borrowed(busy.connection(), true, () -> {}),
                new JacksonJson(),
                Config.builder().allowAsync(true).build(),
                Instrumentation.NONE);
        assertThat(failure(joining.storeAsync(Event.of("a", "T", 1)))).isInstanceOf(UnusableTransactionException.class);
        joining.close();
        assertThat(all()).isEmpty();
    }

    @Test
    void storeAsyncIsRejectedIfConnectionsDependOnTheThread() {
        ConnectionSource ofTenants = () -> {
            throw new AssertionError("nothing is to be borrowed");
        };
        EventStore tenants = new PostgresEventStore(
                database.pool(), ofTenants, new JacksonJson(), Config.defaults(), Instrumentation.NONE);

        assertThatThrownBy(() -> tenants.storeAsync(Event.of("a", "T", 1).withId("x")))
                .isInstanceOf(InvalidConfigException.class)
                .hasMessageContaining("'x'")
                .hasMessageContaining("allow-async");
    }

    @Test
    void nothingIsAcknowledgedBeforeTheCommit() throws Exception {
        database.execute("create function in_commit() returns trigger language plpgsql as $$ begin"
                + " perform pg_advisory_xact_lock(" + BACKENDS_IN_COMMIT + "); return null; end $$;"
                + " create constraint trigger in_commit after insert on synckit.events deferrable initially deferred"
                + " for each row execute function in_commit()");
        try (Connection holder = database.connect()) {
            holder.setAutoCommit(false);
            holder.createStatement().execute("select pg_advisory_xact_lock(" + BACKENDS_IN_COMMIT + ")");
            var one = store.storeAsync(Event.of("a", "T", 1));
            Await.untilQueued(database, 1);
            var two = List.of(store.storeAsync(Event.of("a", "T", 2)), store.storeAsync(Event.of("b", "T", 2)));

            assertThat(one).isNotDone();
            holder.rollback();
            stored(one);
            two.forEach(GroupCommitTest::stored);
        }
    }

    @Test
    void eventThatFailsAtCommitFailsAlone() throws Exception {
        database.execute("create function refuse() returns trigger language plpgsql as $$ begin"
                + " if new.event_type = 'Bad' then raise exception 'not this one'; end if; return null; end $$;"
                + " create constraint trigger refuse after insert on synckit.events deferrable initially deferred"
                + " for each row execute function refuse()");
        gather();
        List<CompletableFuture<AppendResult>> results = IntStream.range(0, 9)
                .mapToObj(i -> store.storeAsync(Event.of("a", i == 4 ? "Bad" : "T", i)))
                .toList();

        busy.rollback();

        for (int i = 0; i < 9; i++) {
            if (i == 4) {
                assertThat(failure(results.get(i))).hasMessageContaining("not this one");
            } else {
                assertThat(stored(results.get(i)).streamVersion()).isEqualTo(i < 4 ? i + 1 : i);
            }
        }
    }

    @Test
    void callerWaitsWhileTheQueueIsFull() throws Exception {
        gather();
        List<CompletableFuture<AppendResult>> results = new ArrayList<>();
        for (int i = 0; i < GroupCommit.MAX_WAITING; i++) {
            results.add(store.storeAsync(Event.of("a-" + i % 100, "T", i)));
        }
        CompletableFuture<AppendResult> late = inThread(() -> stored(store.storeAsync(Event.of("late", "T", 1))));
        AtomicReference<Throwable> thrown = new AtomicReference<>();
        Thread interrupted =
                new Thread(() -> thrown.set(catchThrowable(() -> store.storeAsync(Event.of("x", "T", 1)))));
        interrupted.start();
        Await.until(() -> interrupted.getState() == Thread.State.WAITING);
        interrupted.interrupt();
        interrupted.join();
        assertThat(thrown.get()).isInstanceOf(EventStoreException.class).hasMessageContaining("interrupted");
        assertThat(store.waiting()).isEqualTo(GroupCommit.MAX_WAITING);
        assertThat(late).isNotDone();

        busy.commit();

        results.forEach(GroupCommitTest::stored);
        stored(late);
        assertThat(all()).hasSize(GroupCommit.MAX_WAITING + 3);
    }

    @Test
    void closeStoresAcceptedEvents() throws Exception {
        gather();
        List<CompletableFuture<AppendResult>> results = new ArrayList<>();
        for (int i = 0; i < 2500; i++) {
            results.add(store.storeAsync(Event.of("a", "T", i)));
        }
        CompletableFuture<Void> closing = inThread(store::close);
        Await.until(() -> catchThrowable(() -> results.add(store.storeAsync(Event.of("a", "T", 1))))
                instanceof StoreClosedException);
        assertThat(closing).isNotDone();

        busy.commit();

        closing.get(120, TimeUnit.SECONDS);
        results.forEach(GroupCommitTest::stored);
        assertThat(database.query("select count(*) from synckit.events")).isEqualTo(String.valueOf(results.size() + 2));
    }

    @Test
    void closeFailsTheRestAtOnceDuringAnOutage() throws Exception {
        HikariConfig config = new HikariConfig();
        config.setJdbcUrl(database.url());
        config.setConnectionTimeout(250);
        config.setMaximumPoolSize(1);
        try (HikariDataSource pool = new HikariDataSource(config)) {
            PostgresEventStore ending = PostgresEventStore.on(pool, ONE_LANE);
            List<CompletableFuture<AppendResult>> results = new ArrayList<>();
            try (Connection taken = pool.getConnection()) {
                for (int i = 0; i < 5 * CommitGroup.MAX_EVENTS; i++) {
                    results.add(ending.storeAsync(Event.of("a", "T", i)));
                }
                ending.close();
                assertThat(taken.isValid(30)).isTrue();
            }
            assertThat(results)
                    .allSatisfy(result -> assertThat(failure(result)).isInstanceOf(InvalidConnectionException.class));
        }
    }

    @Test
    void lostConnectionFailsOnlyItsGroup() throws Exception {
        CompletableFuture<AppendResult> held = gather();
        CompletableFuture<AppendResult> next = store.storeAsync(Event.of("a", "T", 1));
        database.execute("select pg_terminate_backend(pid) from pg_stat_activity where wait_event = 'advisory'"
                + " and datname = current_database()");

        assertThat(failure(held)).isInstanceOf(InvalidConnectionException.class);
        stored(next);
    }

    @Test
    void dependentStageMayStoreAndWait() {
        CompletableFuture<AppendResult> chained = store.storeAsync(Event.of("a", "T", 1))
                .thenApply(first -> stored(store.storeAsync(Event.of("a", "T", 2))));

        assertThat(stored(chained).streamVersion()).isEqualTo(2);
    }

    @Test
    void dependentStageMayWaitForTheSameGroup() throws Exception {
        gather();
        CompletableFuture<CompletableFuture<AppendResult>> other = new CompletableFuture<>();
        CompletableFuture<AppendResult> waiting =
                store.storeAsync(Event.of("a", "T", 1)).thenApply(first -> stored(other.join()));
        other.complete(store.storeAsync(Event.of("b", "T", 1)));

        busy.commit();

        assertThat(stored(waiting).aggregateId()).isEqualTo("b");
    }

    @Test
    void blockedDependentStagesDelayNoOtherResult() throws Exception {
        CountDownLatch gate = new CountDownLatch(1);
        gather();
        List<CompletableFuture<Void>> blocked = IntStream.range(0, 100)
                .mapToObj(i -> store.storeAsync(Event.of("a-" + i, "T", i)).thenAccept(result -> await(gate)))
                .toList();

        busy.commit();

        stored(store.storeAsync(Event.of("other", "T", 1)));
        assertThat(blocked).noneMatch(CompletableFuture::isDone);
        gate.countDown();
        blocked.forEach(CompletableFuture::join);
    }

    private static void await(CountDownLatch gate) {
        try {
            gate.await();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void instrumentationErrorFailsOnlyItsGroup() throws Exception {
        database.execute("alter table synckit.events add constraint not_bad check (event_type <> 'Bad')");
        AtomicInteger groups = new AtomicInteger();
        Instrumentation failing = new Instrumentation() {
            @Override
            public <R> R operation(Operation operation, Supplier<R> call) {
                // The one that is held, all four together, the first alone, the second alone.
                if (operation.name().equals("storeGroup") && groups.incrementAndGet() == 4) {
                    throw new IllegalStateException("tracing is broken");
                }
                return call.get();
            }
        };
        store = new PostgresEventStore(
                database.pool(), ConnectionSource.of(database.pool()), new JacksonJson(), ONE_LANE, failing);
        gather();
        List<CompletableFuture<AppendResult>> results = Stream.of("T", "T", "Bad", "T")
                .map(type -> store.storeAsync(Event.of("a", type, 1)))
                .toList();

        busy.commit();

        assertThat(stored(results.get(0)).streamVersion()).isEqualTo(1);
        assertThat(failure(results.get(1)))
                .hasMessageContaining("may be stored")
                .hasMessageContaining("tracing");
        assertThat(failure(results.get(2))).hasMessageContaining("may be stored");
        assertThat(failure(results.get(3))).hasMessageContaining("may be stored");
        stored(store.storeAsync(Event.of("a", "T", 1)));
    }

    @Test
    void closeCompletesEveryFutureAfterItsTimeout() throws Exception {
        GroupCommit groups = groups(database.pool(), Duration.ofMinutes(1), Duration.ofMillis(100));
        busy.store().store(Event.of("busy", "T", 0));
        var held = accept(groups, new EventRow("held", "busy", "T", "1", "{}", 3));
        Await.untilQueued(database, 1);
        var next = accept(groups, new EventRow("next", "a", "T", "1", "{}", 3));

        groups.close();

        assertThat(failure(held)).hasMessageContaining("may be stored");
        assertThat(failure(next)).isInstanceOf(StoreClosedException.class);
        busy.commit();
        Await.until(() -> store.find("held").isPresent());
        Await.untilQueued(database, 0);
        assertThat(store.find("next")).isEmpty();
    }

    private static GroupCommit groups(DataSource dataSource, Duration longestGroup, Duration longestClose) {
        ConnectionSource connections = ConnectionSource.of(dataSource);
        TableName table = new TableName("synckit", "events");
        return new GroupCommit(
                new GroupAppender(connections, table, true),
                new EventAppender(connections, table, true),
                table.toString(),
                Instrumentation.NONE,
                1,
                false,
                longestGroup,
                longestClose);
    }

    /** In a group that has taken too long. */
    @Test
    void duplicateInASlowGroupFailsAlone() throws Exception {
        busy.store().store(Event.of("busy", "T", 0).withId("x"));
        try (GroupCommit groups = groups(database.pool(), Duration.ZERO, Duration.ofMinutes(1))) {
            var held = accept(groups, new EventRow("held", "busy", "T", "1", "{}", 3));
            Await.untilQueued(database, 1);
            var duplicate = accept(groups, new EventRow("x", "busy", "T", "1", "{}", 3));
            var next = accept(groups, new EventRow("next", "busy", "T", "1", "{}", 3));

            busy.commit();

            assertThat(failure(duplicate)).isInstanceOf(DuplicateEventException.class);
            held.get(60, TimeUnit.SECONDS);
            next.get(60, TimeUnit.SECONDS);
        }
    }

    /** Otherwise each append of the group would wait for its own timeout. */
    @Test
    void restOfASlowGroupIsNotTriedAfterATimeout() throws Exception {
        busy.store().store(Event.of("busy", "T", 0));
        HikariConfig config = new HikariConfig();
        config.setJdbcUrl(database.url());
        config.setConnectionInitSql("set lock_timeout = '300ms'");
        try (HikariDataSource impatient = new HikariDataSource(config);
                GroupCommit groups = groups(impatient, Duration.ZERO, Duration.ofMinutes(1))) {
            var first = accept(groups, new EventRow("first", "busy", "T", "1", "{}", 3));
            Await.untilQueued(database, 1);
            var second = accept(groups, new EventRow("second", "busy", "T", "1", "{}", 3));
            var third = accept(groups, new EventRow("third", "busy", "T", "1", "{}", 3));

            assertThat(failure(first)).isInstanceOf(TransactionConflictException.class);
            assertThat(failure(second)).hasMessageContaining("55P03");
            assertThat(failure(third))
                    .isInstanceOf(TransactionConflictException.class)
                    .hasMessageContaining("storeAsync of event 'third' was not tried");
        }
        busy.commit();
        assertThat(store.find("third")).isEmpty();
    }

    private static CompletableFuture<List<AppendResult>> accept(GroupCommit groups, EventRow row) {
        return groups.accept("storeAsync", List.of(row), ExpectedStreamVersion.any(), OnDuplicate.FAIL, () -> {});
    }

    @Test
    void uniqueIndexOfTheApplicationIsNamed() throws Exception {
        database.execute("create unique index one_open on synckit.events (event_type) where event_type = 'Only'");
        store.store(Event.of("a", "Only", 1));

        gather();
        var refused = store.storeAsync(Event.of("b", "Only", 1));
        busy.commit();

        assertThat(failure(refused)).isInstanceOf(EventStoreException.class).hasMessageContaining("one_open");
        assertThatThrownBy(() -> store.store(Event.of("b", "Only", 1), RETURN_EXISTING))
                .isInstanceOf(EventStoreException.class)
                .hasMessageContaining("one_open");
    }

    @Test
    void callAndGroupAreSeparateOperations() {
        List<String> operations = new CopyOnWriteArrayList<>();
        Instrumentation hearing = new Instrumentation() {
            @Override
            public <R> R operation(Operation operation, Supplier<R> call) {
                operation.addMetadata("by", operation.name());
                R result = call.get();
                operations.add(operation.name() + " " + operation.events());
                return result;
            }
        };
        try (PostgresEventStore heard = new PostgresEventStore(
                database.pool(), ConnectionSource.of(database.pool()), new JacksonJson(), Config.defaults(), hearing)) {
            AppendResult result = stored(heard.storeAsync(Event.of("a", "T", 1)));
            Await.until(() -> operations.size() == 2);

            assertThat(operations).containsExactlyInAnyOrder("storeAsync 0", "storeGroup 1");
            assertThat(store.get(result.id()).metadata()).containsEntry("by", "storeAsync");
        }
    }
}
