package io.synckit.postgres;

import static io.synckit.postgres.testing.InThread.inThread;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.synckit.AppendResult;
import io.synckit.Event;
import io.synckit.EventPage;
import io.synckit.EventStore;
import io.synckit.ExpectedStreamVersion;
import io.synckit.Filter;
import io.synckit.OnDuplicate;
import io.synckit.StoredEvent;
import io.synckit.UnusableTransactionException;
import io.synckit.Version;
import io.synckit.WrongExpectedVersionException;
import io.synckit.postgres.testing.Await;
import io.synckit.postgres.testing.CallersTransaction;
import io.synckit.postgres.testing.TestDatabase;
import io.synckit.postgres.testing.TestPostgres;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Savepoint;
import java.sql.Statement;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.stream.Stream;
import javax.sql.DataSource;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Each race of the fence, with the commits held by hand. */
class FenceTest {

    private static final String ANNOUNCEMENTS =
            "select count(*) from pg_locks where locktype = 'advisory' and mode = 'ShareLock'"
                    + " and database = (select oid from pg_database where datname = current_database())";

    @RegisterExtension
    private final TestDatabase database = TestPostgres.shared().migratedDatabase();

    private final EventStore store = PostgresEventStore.on(database.pool(), Config.defaults());

    private List<Object> loaded() {
        return loaded(Version.ZERO);
    }

    private List<Object> loaded(Version since) {
        return store.load(since).events().stream().map(StoredEvent::data).toList();
    }

    @Test
    void lateCommitIsNotSkipped() throws SQLException {
        try (CallersTransaction late = CallersTransaction.begin(database)) {
            late.store().store(Event.of("a", "T", "late"));
            store.store(Event.of("b", "T", "early"));

            EventPage before = store.load(Version.ZERO);
            assertThat(before).isEmpty();
            assertThat(before.next()).isEqualTo(Version.ZERO);
            assertThat(store.latestVersion()).isEqualTo(Version.ZERO);
            try (Stream<StoredEvent> stream = store.stream(Version.ZERO)) {
                assertThat(stream).isEmpty();
            }

            late.commit();
            assertThat(loaded(before.next())).containsExactly("late", "early");
        }
    }

    /** Each way of appending in a transaction of its own, stopped in the middle of its commit. */
    static Stream<Consumer<EventStore>> ownTransactions() {
        OnDuplicate returning = OnDuplicate.RETURN_EXISTING;
        Event one = Event.of("late", "Late", 1);
        Event other = Event.of("late", "Late", 2);
        return Stream.of(
                store -> store.store(one),
                store -> store.store(one, returning),
                store -> store.append("late", ExpectedStreamVersion.noStream(), List.of(one)),
                store -> store.storeBatch(List.of(one, other)),
                store -> store.storeBatch(List.of(one, other), returning),
                store -> store.append("late", ExpectedStreamVersion.noStream(), List.of(one, other)),
                store -> store.storeAsync(one).join());
    }

    @ParameterizedTest
    @MethodSource("ownTransactions")
    void separateTransactionIsFenced(Consumer<EventStore> append) throws SQLException {
        database.execute("create function held() returns trigger language plpgsql as $$ begin"
                + " if new.event_type = 'Late' then perform pg_advisory_xact_lock(4711); end if; return null; end $$;"
                + " create constraint trigger held after insert on synckit.events deferrable initially deferred"
                + " for each row execute function held()");
        try (CallersTransaction holder = CallersTransaction.begin(database)) {
            holder.execute("select pg_advisory_xact_lock(4711)");
            CompletableFuture<Void> late = inThread(() -> append.accept(store));
            Await.untilQueued(database, 1);
            store.store(Event.of("early", "T", "early"));

            assertThat(loaded()).isEmpty();

            holder.rollback();
            late.join();
            assertThat(loaded()).startsWith(1).endsWith("early");
        }
    }

    @Test
    void settledEventsAreNotHeldBack() throws SQLException {
        AppendResult first = store.store(Event.of("a", "T", 1));
        try (CallersTransaction open = CallersTransaction.begin(database)) {
            open.store().store(Event.of("b", "T", 2));
            store.store(Event.of("c", "T", 3));

            assertThat(loaded()).containsExactly(1);
            assertThat(store.latestVersion()).isEqualTo(first.version());
        }
    }

    @Test
    void rollbackReleasesOtherEvents() throws SQLException {
        try (CallersTransaction failing = CallersTransaction.begin(database)) {
            failing.store().store(Event.of("a", "T", "gone"));
            AppendResult kept = store.store(Event.of("b", "T", "kept"));
            assertThat(loaded()).isEmpty();

            failing.rollback();

            assertThat(loaded()).containsExactly("kept");
            assertThat(store.latestVersion()).isEqualTo(kept.version());
        }
    }

    /** After a crash the server may give out again what only transactions that rolled back had; a cursor must not be there. */
    @Test
    void checkpointIsAlwaysTheVersionOfAStoredEvent() throws SQLException {
        AppendResult last = store.store(Event.of("a", "T", 1));
        try (CallersTransaction failing = CallersTransaction.begin(database)) {
            failing.store().storeBatch(List.of(Event.of("b", "T", 2), Event.of("b", "T", 3)));
            failing.rollback();
        }
        assertThat(store.load(Version.ZERO).next()).isEqualTo(last.version());
        assertThat(store.load(Version.ZERO, Filter.types("none")).next()).isEqualTo(last.version());
        assertThat(store.latestVersion()).isEqualTo(last.version());
        assertThat(store.stats().headVersion())
                .isEqualTo(Version.of(last.version().value() + 2));
    }

    /** An idempotent consumer's transaction that stays open, and one whose expectation failed. */
    @Test
    void rejectedAppendDoesNotHoldBackReaders() throws SQLException {
        Event event = Event.of("a", "T", 1);
        store.store(event);
        try (CallersTransaction repeating = CallersTransaction.begin(database);
                CallersTransaction failing = CallersTransaction.begin(database)) {
            OnDuplicate options = OnDuplicate.RETURN_EXISTING;
            repeating.store().store(event, options);
            repeating.store().storeBatch(List.of(event), options);
            assertThatExceptionOfType(WrongExpectedVersionException.class)
                    .isThrownBy(() -> failing.store()
                            .append("b", ExpectedStreamVersion.exactly(7), List.of(Event.of("b", "T", 1))));
            store.store(Event.of("c", "T", 2));

            assertThat(loaded()).containsExactly(1, 2);
            assertThat(database.query(ANNOUNCEMENTS)).isEqualTo("0");
        }
    }

    @Test
    void rollbackToSavepointRevokesTheAnnouncement() throws SQLException {
        try (CallersTransaction caller = CallersTransaction.begin(database)) {
            Savepoint savepoint = caller.savepoint();
            caller.store().store(Event.of("a", "T", "gone"));
            store.store(Event.of("b", "T", 1));
            assertThat(loaded()).isEmpty();

            caller.rollbackTo(savepoint);
            assertThat(loaded()).containsExactly(1);

            caller.store().store(Event.of("a", "T", 2));
            store.store(Event.of("b", "T", 3));
            assertThat(loaded()).containsExactly(1);

            caller.commit();
            assertThat(loaded()).containsExactly(1, 2, 3);
        }
    }

    @Test
    void announcementBeforeASavepointSurvivesItsRollback() throws SQLException {
        try (CallersTransaction caller = CallersTransaction.begin(database)) {
            caller.store().store(Event.of("a", "T", 1));
            Savepoint savepoint = caller.savepoint();
            caller.store().store(Event.of("a", "T", "gone"));
            caller.rollbackTo(savepoint);
            store.store(Event.of("b", "T", 2));

            assertThat(loaded()).isEmpty();
            caller.commit();
            assertThat(loaded()).containsExactly(1, 2);
        }
    }

    @Test
    void everyVersionOfATransactionIsAboveItsAnnouncement() throws SQLException {
        AppendResult before = store.store(Event.of("a", "T", 1));
        try (CallersTransaction caller = CallersTransaction.begin(database)) {
            AppendResult first = caller.store().store(Event.of("b", "T", 2));
            store.store(Event.of("c", "T", 3));
            caller.store().storeBatch(List.of(Event.of("d", "T", 4), Event.of("e", "T", 5)));

            assertThat(
                            database.query(
                                    "select min(objid) from pg_locks where locktype = 'advisory' and mode = 'ShareLock'"
                                            + " and database = (select oid from pg_database where datname = current_database())"))
                    .isEqualTo(before.version().toString());
            assertThat(first.version().isAfter(before.version())).isTrue();
            assertThat(database.query(ANNOUNCEMENTS)).isEqualTo("1");
        }
    }

    @Test
    void commitBetweenHorizonAndRowsKeepsTheOrder() throws SQLException {
        try (CallersTransaction low = CallersTransaction.begin(database);
                CallersTransaction high = CallersTransaction.begin(database)) {
            store.store(Event.of("a", "T", 1));
            low.store().store(Event.of("b", "T", 2));
            high.store().store(Event.of("c", "T", 3));
            // Between the two statements of the reader "high" commits: it is visible to the second, and must wait for
            // "low".
            EventStore reader = storeWithHookAfterHorizon(high::commit);

            EventPage page = reader.load(Version.ZERO);
            assertThat(page).extracting(StoredEvent::data).containsExactly(1);

            low.commit();
            assertThat(loaded(page.next())).containsExactly(2, 3);
        }
    }

    /** The other way round, a writer that announces itself and draws a version between the two would be missed. */
    @Test
    void sequenceIsReadBeforeTheLocks() throws SQLException {
        store.store(Event.of("a", "T", 1));
        try (CallersTransaction blocker = CallersTransaction.begin(database);
                CallersTransaction announcer = CallersTransaction.begin(database)) {
            blocker.execute("alter sequence synckit.events_version_seq rename to elsewhere");
            CompletableFuture<EventPage> page = inThread(() -> store.load(Version.ZERO));
            Await.until(
                    database,
                    "select count(*) from pg_locks where not granted and relation is not null"
                            + " and database = (select oid from pg_database where datname = current_database())",
                    "1");
            // The reader waits for the sequence. An announcement that is made now must count, so the locks must be read
            // later.
            announcer.execute("select pg_advisory_xact_lock_shared(" + "("
                    + database.query("select synckit.events_lock_class()")
                    + "::bigint << 48) | 0)");
            blocker.rollback();

            assertThat(page.join()).isEmpty();
        }
    }

    @Test
    void startBetweenHorizonAndRowsIsAboveTheHorizon() {
        store.store(Event.of("a", "T", 1));
        EventStore reader = storeWithHookAfterHorizon(() -> store.store(Event.of("b", "T", 2)));

        EventPage page = reader.load(Version.ZERO);

        assertThat(page).extracting(StoredEvent::data).containsExactly(1);
        assertThat(loaded(page.next())).containsExactly(2);
    }

    @Test
    void commitBetweenHorizonAndRowsIsVisible() throws SQLException {
        try (CallersTransaction writer = CallersTransaction.begin(database)) {
            writer.store().store(Event.of("a", "T", 1));
            EventStore reader = storeWithHookAfterHorizon(writer::commit);

            EventPage page = reader.load(Version.ZERO);
            assertThat(page).isEmpty();
            assertThat(loaded(page.next())).containsExactly(1);
        }
    }

    @Test
    void streamReadsTheHorizonBeforeItsSnapshot() throws SQLException {
        try (CallersTransaction low = CallersTransaction.begin(database)) {
            low.store().store(Event.of("a", "T", 1));
            EventStore reader = storeWithHookAfterHorizon(() -> {
                low.commit();
                store.store(Event.of("b", "T", 2));
            });
            try (Stream<StoredEvent> stream = reader.stream(Version.ZERO)) {
                assertThat(stream).isEmpty();
            }
            assertThat(loaded()).containsExactly(1, 2);
        }
    }

    @Test
    void waitingWriterDoesNotHoldTheHorizon() throws SQLException {
        try (CallersTransaction first = CallersTransaction.begin(database)) {
            first.store().store(Event.of("a", "T", 1));
            CompletableFuture<AppendResult> second = inThread(() -> store.store(Event.of("a", "T", 2)));
            CompletableFuture<List<AppendResult>> third =
                    inThread(() -> store.storeBatch(List.of(Event.of("a", "T", 3), Event.of("b", "T", 4))));
            Await.untilQueued(database, 2);

            assertThat(database.query(ANNOUNCEMENTS)).isEqualTo("1");

            first.commit();
            assertThat(second.join().streamVersion()).isGreaterThan(1);
            assertThat(third.join()).hasSize(2);
            assertThat(loaded()).contains(1, 2, 3, 4);
        }
    }

    @Test
    void strangersDelayNobody() throws SQLException {
        database.execute("create table other (n integer)", "insert into other values (1)");
        try (CallersTransaction writing = CallersTransaction.begin(database);
                CallersTransaction reading = CallersTransaction.begin(database);
                CallersTransaction locking = CallersTransaction.begin(database);
                TestDatabase elsewhere = TestPostgres.shared().migratedDatabase();
                CallersTransaction storingElsewhere = CallersTransaction.begin(elsewhere)) {
            writing.execute("insert into other values (2)");
            reading.execute("set transaction isolation level repeatable read");
            reading.execute("select count(*) from synckit.events");
            locking.execute(
                    "select pg_advisory_xact_lock_shared(1), pg_advisory_xact_lock(2), pg_advisory_xact_lock_shared(1, 2)");
            locking.execute("lock table synckit.events in row exclusive mode");
            storingElsewhere.store().store(Event.of("a", "T", 1));
            writing.execute("prepare transaction 'orphan_" + database.name() + "'");

            store.store(Event.of("a", "T", 1));

            assertThat(loaded()).containsExactly(1);
            database.execute("rollback prepared 'orphan_" + database.name() + "'");
        }
    }

    @Test
    void preparedTransactionHoldsTheHorizonUntilItEnds() throws SQLException {
        // One that has notified may not be prepared: XA needs the notify mode OFF.
        database.execute("drop trigger events_notify on synckit.events");

        try (CallersTransaction prepared = CallersTransaction.begin(database)) {
            prepared.store().store(Event.of("a", "T", 1));
            prepared.execute("prepare transaction 'p_" + database.name() + "'");
        }
        store.store(Event.of("b", "T", 2));
        assertThat(loaded()).isEmpty();

        database.execute("commit prepared 'p_" + database.name() + "'");

        assertThat(loaded()).containsExactly(1, 2);
    }

    /**
     * A whole transaction starts and ends between the read of the sequence and the read of the locks. It is neither settled nor announced,
     * so a reader that relies on notifications must know that there is more. Forced by a view that draws a version while it is read.
     */
    @Test
    void versionDrawnDuringTheReadIsNoticed() throws SQLException {
        database.execute(
                "create schema meanwhile",
                "create view meanwhile.pg_locks as"
                        + " select l.*, nextval('synckit.events_version_seq') from pg_catalog.pg_locks l offset 0");
        store.store(Event.of("a", "T", 1));

        try (CallersTransaction reader = CallersTransaction.begin(database)) {
            reader.execute("set search_path = meanwhile, pg_catalog");
            try (Statement statement = reader.connection().createStatement();
                    ResultSet rows = statement.executeQuery("select settled, head from synckit.events_horizon()")) {
                rows.next();
                assertThat(rows.getLong(1)).isEqualTo(1);
                assertThat(rows.getLong(2)).isGreaterThan(1);
            }
        }
    }

    @Test
    void readInATransactionReturnsOnlySettledEvents() throws SQLException {
        store.store(Event.of("a", "T", 1));
        try (CallersTransaction caller = CallersTransaction.begin(database)) {
            caller.store().store(Event.of("a", "T", 2));

            assertThat(caller.store().load(Version.ZERO))
                    .extracting(StoredEvent::data)
                    .containsExactly(1);
            assertThat(caller.store().loadByAggregate("a", Version.ZERO))
                    .extracting(StoredEvent::data)
                    .containsExactly(1, 2);
            assertThat(caller.store().stats().latestVersion()).isEqualTo(Version.of(1));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"repeatable read", "serializable"})
    void oldSnapshotIsRejected(String isolation) throws SQLException {
        store.store(Event.of("a", "T", 1));
        try (CallersTransaction caller = CallersTransaction.begin(database)) {
            caller.execute("set transaction isolation level " + isolation);
            assertThatExceptionOfType(UnusableTransactionException.class)
                    .isThrownBy(() -> caller.store().load(Version.ZERO))
                    .withMessageContaining(isolation);
            assertThatExceptionOfType(UnusableTransactionException.class)
                    .isThrownBy(() -> caller.store().stream(Version.ZERO));
            // The transaction continues.
            assertThat(caller.store().loadByAggregate("a", Version.ZERO)).hasSize(1);
            caller.store().store(Event.of("a", "T", 2));
            caller.commit();
        }
        assertThat(loaded()).containsExactly(1, 2);
    }

    @Test
    void databaseDefaultIsolationDoesNotAffectSingleReads() throws SQLException {
        database.execute("alter database " + database.name() + " set default_transaction_isolation = 'serializable'");
        try (CallersTransaction late = CallersTransaction.begin(database)) {
            late.store().store(Event.of("a", "T", 1));
            EventStore reader = storeWithHookAfterHorizon(late::commit);
            assertThat(reader.load(Version.ZERO)).isEmpty();
            store.store(Event.of("a", "T", 2));
            try (Stream<StoredEvent> stream = store.stream(Version.ZERO)) {
                assertThat(stream.map(StoredEvent::data)).containsExactly(1, 2);
            }
        }
    }

    /** A store whose connections run the hook once, right after the statement that reads the horizon. */
    private EventStore storeWithHookAfterHorizon(Hook hook) {
        AtomicInteger runs = new AtomicInteger();
        DataSource hooked = proxy(DataSource.class, database.pool(), sql -> {
            if (sql.contains("_horizon") && runs.getAndIncrement() == 0) {
                hook.run();
            }
        });
        return PostgresEventStore.on(hooked, Config.defaults());
    }

    private interface Hook {
        void run() throws SQLException;
    }

    private interface AfterQuery {
        void executed(String sql) throws SQLException;
    }

    /** A DataSource whose connections signal when a prepared statement has run its query. */
    private static <T> T proxy(Class<T> type, T target, AfterQuery after) {
        return type.cast(Proxy.newProxyInstance(
                FenceTest.class.getClassLoader(), new Class<?>[] {type}, (self, method, arguments) -> {
                    try {
                        Object result = method.invoke(target, arguments);
                        if (result instanceof Connection connection) {
                            return proxy(Connection.class, connection, after);
                        }
                        if (result instanceof PreparedStatement statement) {
                            String sql = (String) arguments[0];
                            return proxy(PreparedStatement.class, statement, ignored -> after.executed(sql));
                        }
                        if (method.getName().equals("executeQuery")) {
                            after.executed("");
                        }
                        return result;
                    } catch (InvocationTargetException e) {
                        throw e.getCause();
                    }
                }));
    }
}
