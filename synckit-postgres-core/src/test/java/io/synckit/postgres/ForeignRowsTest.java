package io.synckit.postgres;

import static io.synckit.postgres.testing.InThread.inThread;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.synckit.Event;
import io.synckit.EventPage;
import io.synckit.EventStore;
import io.synckit.StoredEvent;
import io.synckit.UnreadableEventException;
import io.synckit.Version;
import io.synckit.postgres.testing.Await;
import io.synckit.postgres.testing.CallersTransaction;
import io.synckit.postgres.testing.TestDatabase;
import io.synckit.postgres.testing.TestPostgres;
import io.synckit.subscription.LiveOptions;
import java.io.StringReader;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.postgresql.PGConnection;

/** Rows that come from psql, COPY or another program go through the same fence and get the same numbers. */
class ForeignRowsTest {

    private static final String INSERT = "insert into synckit.events (id, aggregate_id, event_type, data) values ";

    @RegisterExtension
    private final TestDatabase database = TestPostgres.shared().migratedDatabase();

    private final EventStore store = PostgresEventStore.on(database.pool(), Config.defaults());

    @Test
    void plainInsertGetsItsStreamVersion() {
        store.store(Event.of("a", "T", 1));
        database.execute(INSERT + "('x-1', 'a', 'T', '2'), ('x-2', 'b', 'T', '3'), ('x-3', 'a', 'T', '4')");
        store.store(Event.of("a", "T", 5));

        List<StoredEvent> events = store.load(Version.ZERO).events();

        assertThat(events).extracting(StoredEvent::data).containsExactly(1, 2, 3, 4, 5);
        assertThat(events).extracting(StoredEvent::streamVersion).containsExactly(1L, 2L, 1L, 3L, 4L);
        assertThat(events).extracting(StoredEvent::version).isSorted();
    }

    @Test
    void plainInsertHoldsTheHorizonUntilItsCommit() throws SQLException {
        assertHeldUntilTheCommit(INSERT + "('x-1', 'a', 'T', '1')");
    }

    @Test
    void givenStreamVersionHoldsTheHorizon() throws SQLException {
        assertHeldUntilTheCommit("insert into synckit.events (id, aggregate_id, stream_version, event_type, data)"
                + " values ('x-1', 'a', 1, 'T', '1')");
    }

    @Test
    void replicationRolesGoThroughTheFenceAsWell() throws SQLException {
        assertHeldUntilTheCommit("set session_replication_role = replica", INSERT + "('x-1', 'a', 'T', '1')");
    }

    /** Another program stores event 1 first, then the library stores one. A reader receives both, in their order. */
    private void assertHeldUntilTheCommit(String... foreignStatements) throws SQLException {
        try (CallersTransaction foreign = CallersTransaction.begin(database)) {
            for (String statement : foreignStatements) {
                foreign.execute(statement);
            }
            store.store(Event.of("b", "T", 2));
            EventPage before = store.load(Version.ZERO);
            assertThat(before).isEmpty();

            foreign.commit();

            assertThat(store.load(before.next())).extracting(StoredEvent::data).containsExactly(1, 2);
        }
    }

    @Test
    void copyWorks() throws Exception {
        String rows = String.join(
                "",
                IntStream.range(0, 500)
                        .mapToObj(i -> "x-" + i + "\ta-" + i % 100 + "\tT\t" + i + "\n")
                        .toList());
        try (Connection connection = database.connect()) {
            long copied = connection
                    .unwrap(PGConnection.class)
                    .getCopyAPI()
                    .copyIn(
                            "copy synckit.events (id, aggregate_id, event_type, data) from stdin",
                            new StringReader(rows));
            assertThat(copied).isEqualTo(500);
        }
        try (Stream<StoredEvent> events = store.stream(Version.ZERO)) {
            assertThat(events.map(StoredEvent::data))
                    .containsExactlyElementsOf(IntStream.range(0, 500).boxed().toList());
        }
        assertThat(store.loadByAggregate("a-7", Version.ZERO))
                .extracting(StoredEvent::streamVersion)
                .containsExactly(1L, 2L, 3L, 4L, 5L);
    }

    @Test
    void givenVersionIsRejected() {
        assertThatThrownBy(
                        () -> database.execute(
                                "insert into synckit.events (version, id, aggregate_id, event_type, data) values (7, 'x', 'a', 'T', '1')"))
                .rootCause()
                .hasMessageContaining("GENERATED ALWAYS");
    }

    /** COPY and OVERRIDING can bring versions; below a reader's cursor they would never be read. */
    @Test
    void drawnVersionIsReplaced() throws Exception {
        store.storeBatch(List.of(Event.of("a", "T", 1), Event.of("a", "T", 2)));
        Version cursor = store.load(Version.ZERO).next();
        String rows = String.join(
                "",
                IntStream.of(-7, 1, 30, 2, 4)
                        .mapToObj(i -> i + "\tx" + i + "\tb\tT\t" + i + "\n")
                        .toList());
        try (Connection connection = database.connect()) {
            connection
                    .unwrap(PGConnection.class)
                    .getCopyAPI()
                    .copyIn(
                            "copy synckit.events (version, id, aggregate_id, event_type, data) from stdin",
                            new StringReader(rows));
        }
        try (CallersTransaction foreign = CallersTransaction.begin(database)) {
            foreign.store().store(Event.of("c", "T", 5));
            foreign.execute("insert into synckit.events (version, id, aggregate_id, stream_version, event_type, data)"
                    + " overriding system value values (1, 'y-1', 'd', 1, 'T', '6'), (3, 'y-2', 'd', 2, 'T', '7')");
            foreign.commit();
        }

        assertThat(store.load(cursor)).extracting(StoredEvent::data).containsExactly(-7, 1, 30, 2, 4, 5, 6, 7);
    }

    @Test
    void streamVersionThatDoesNotFollowIsRejected() throws SQLException {
        String columns = "insert into synckit.events (id, aggregate_id, stream_version, event_type, data) values ";
        for (String rows : List.of(
                "('x', 'a', 2, 'T', '1')",
                "('x1', 'a', 1, 'T', '1'), ('x2', 'a', 7, 'T', '1'), ('x3', 'a', 3, 'T', '1')")) {
            assertThatThrownBy(() -> database.execute(columns + rows))
                    .rootCause()
                    .hasMessageContaining("does not follow");
        }
        try (CallersTransaction caller = CallersTransaction.begin(database)) {
            caller.store().store(Event.of("c", "T", 1));
            assertThatThrownBy(() -> caller.execute(columns + "('x', 'b', 99, 'T', '1')"))
                    .hasMessageContaining("stream_version 99 of aggregate b does not follow 0");
        }
        assertThat(store.load(Version.ZERO)).isEmpty();
    }

    /** Numbers of another store that happen to meet ours. */
    @Test
    void versionsMadeByHandThatMeetTheSequenceLoseNothing() {
        store.store(Event.of("z", "T", 0));
        database.execute("insert into synckit.events (version, id, aggregate_id, stream_version, event_type, data)"
                + " overriding system value values (1, 'x1', 'a', 1, 'T', '1'), (2, 'x2', 'b', 1, 'T', '2'),"
                + " (3, 'x3', 'c', 1, 'T', '3') on conflict do nothing");

        assertThat(store.load(Version.ZERO)).extracting(StoredEvent::data).containsExactly(0, 1, 2, 3);
    }

    /** The library's own rows, of all kinds, never take the long way. */
    @Test
    void ownRowsAreNotAdmittedAgain() throws SQLException {
        database.execute(
                "create sequence admitted",
                "create function count_admitted() returns trigger language plpgsql as"
                        + " 'begin perform nextval(''admitted''); return new; end'",
                // Fires with the same condition as the trigger of the table.
                "create trigger a_count before insert on synckit.events for each row"
                        + " when (coalesce(new.stream_version, 0) < 1000000)"
                        + " execute function count_admitted()");
        store.store(Event.of("a", "T", 1));
        store.storeBatch(IntStream.range(0, 1000)
                .mapToObj(i -> Event.of("a-" + i % 90, "T", i))
                .toList());
        try (CallersTransaction caller = CallersTransaction.begin(database)) {
            caller.store().store(Event.of("a", "T", 2));
            caller.rollbackTo(caller.savepoint());
            caller.store().storeBatch(List.of(Event.of("a", "T", 3), Event.of("b", "T", 4)));
            assertThat(database.query("select is_called from admitted")).isEqualTo("f");
            caller.execute(INSERT + "('x', 'a', 'T', '5')");
            caller.store().store(Event.of("a", "T", 6));
            caller.commit();
        }
        assertThat(database.query("select last_value from admitted")).isEqualTo("1");
    }

    @Test
    void restoreKeepsItsVersions() {
        database.execute("begin; set local synckit.maintenance = 'on';"
                + " insert into synckit.events (version, id, aggregate_id, stream_version, event_type, data)"
                + " overriding system value values (70, 'x', 'a', 7, 'T', '1');"
                + " select setval('synckit.events_version_seq', 70); commit");
        store.store(Event.of("a", "T", 2));

        assertThat(store.load(Version.ZERO))
                .extracting(e -> e.version().value())
                .containsExactly(70L, 71L);
        assertThat(store.load(Version.ZERO))
                .extracting(StoredEvent::streamVersion)
                .containsExactly(7L, 8L);
    }

    @Test
    void keysAreCheckedByTheTable() {
        for (String row : List.of(
                "('', 'a', 'T', '1')",
                "('x', ' ', 'T', '1')",
                "('x', 'a', '', '1')",
                "('x', 'a', repeat('x', 256), '1')",
                "('x', 'a', 'T', null)")) {
            assertThatThrownBy(() -> database.execute(INSERT + row))
                    .rootCause()
                    .extracting(failure -> ((SQLException) failure).getSQLState())
                    .isIn("23514", "23502");
        }
    }

    /** Programs may use each of these numbers for "the end". None of them is the mark of the library. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "9223372036854775807",
                "9223372036854775806",
                "4611686018427387905",
                "1000000000000000000",
                "9007199254740993",
                "2147483647"
            })
    void sentinelStreamVersionsAreRejected(String sentinel) {
        for (String version : List.of(sentinel, "-" + sentinel)) {
            assertThatThrownBy(() -> database.execute(
                            "insert into synckit.events (id, aggregate_id, stream_version, event_type, data) values ('x', 'a', "
                                    + version + ", 'T', '1')"))
                    .rootCause()
                    .hasMessageContaining("does not follow 0");
        }
        database.execute(INSERT + "('x', 'a', 'T', '1')");
        assertThat(store.load(Version.ZERO)).hasSize(1);
    }

    /** A program that adds the mark on purpose skips the fence, but not the checks. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "' ', 'a', 'T', '1', '{}'",
                "'x', '', 'T', '1', '{}'",
                "'x', 'a', ' ', '1', '{}'",
                "'x', 'a', 'T', '1', '[1]'"
            })
    void markedRowsAreChecked(String values) {
        assertThatThrownBy(() -> database.execute(
                        "insert into synckit.events (stream_version, id, aggregate_id, event_type, data, metadata)"
                                + " values (5794203610873511937, " + values + ")"))
                .rootCause()
                .extracting(failure -> ((SQLException) failure).getSQLState())
                .isEqualTo("23514");
    }

    /** C is open for long and rolls back. B, a program without a listener, commits meanwhile. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "set constraints all immediate; " + INSERT + "('c', 'a', 'T', '1')",
                INSERT + "('c', 'a', 'T', '1'); set constraints all immediate",
                "set constraints all immediate; insert into synckit.events (id, aggregate_id, event_type, data, created_at)"
                        + " values ('c', 'a', 'T', '1', '2020-01-01')",
                "do $$ begin set constraints all immediate;"
                        + " insert into synckit.events (id, aggregate_id, event_type, data) values ('c', 'a', 'T', '1'); end $$"
            })
    void immediateConstraintsDoNotHoldBackNotifications(String statements) throws Exception {
        try (RealtimeEventStore live = RealtimeEventStore.on(database.pool(), database.physical(), Config.defaults());
                CallersTransaction c = CallersTransaction.begin(database)) {
            Await.until(live::isListenerConnected);
            BlockingQueue<String> received = new LinkedBlockingQueue<>();
            live.subscriptions().live(LiveOptions.named("test"), event -> received.add(event.id()));
            for (String statement :
                    statements.startsWith("do") ? List.of(statements) : List.of(statements.split("; "))) {
                c.execute(statement);
            }
            database.execute(INSERT + "('b', 'b', 'T', '2')");
            c.rollback();

            // The next poll is due after 30 s.
            assertThat(received.poll(20, TimeUnit.SECONDS)).isEqualTo("b");
        }
    }

    /** One message of the simple protocol with several statements, the first of which inserts. */
    @Test
    void severalStatementsInOneMessageDoNotHoldBackNotifications() throws Exception {
        try (RealtimeEventStore live = RealtimeEventStore.on(database.pool(), database.physical(), Config.defaults());
                Connection simple = DriverManager.getConnection(database.url("preferQueryMode=simple"));
                Statement statement = simple.createStatement();
                CallersTransaction gate = CallersTransaction.begin(database)) {
            Await.until(live::isListenerConnected);
            BlockingQueue<String> received = new LinkedBlockingQueue<>();
            live.subscriptions().live(LiveOptions.named("test"), event -> received.add(event.id()));
            gate.execute("select pg_advisory_xact_lock(4711)");
            CompletableFuture<Void> message = inThread(() -> {
                assertThatThrownBy(() -> statement.execute(INSERT
                        + "('c', 'a', 'T', '1'); set constraints all immediate; select pg_advisory_xact_lock(4711);"
                        + " select 1/0"));
                return null;
            });
            Await.untilQueued(database, 1);

            database.execute(INSERT + "('b', 'b', 'T', '2')");
            gate.commit();
            message.join();

            // The next poll is due after 30 s.
            assertThat(received.poll(20, TimeUnit.SECONDS)).isEqualTo("b");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"'\t', 'a', 'T'", "'x', E'\\t\\n', 'T'", "'x', 'a', ' '"})
    void keysOfWhiteSpaceAreRejected(String keys) {
        assertThatThrownBy(() -> database.execute(INSERT + "(" + keys + ", '1')"))
                .hasStackTraceContaining("violates the check");
    }

    @Test
    void jsonNullOfAnotherProgramIsReadable() {
        database.execute(INSERT + "('x', 'a', 'T', 'null')");

        StoredEvent event = store.get("x");

        assertThat(event.dataJson()).isEqualTo("null");
        assertThatExceptionOfType(UnreadableEventException.class).isThrownBy(event::data);
    }

    @Test
    void foreignAndOwnWritersOfOneAggregateLeaveNoGap() {
        List<CompletableFuture<Void>> writers = IntStream.range(0, 8)
                .mapToObj(writer -> inThread(() -> {
                    for (int i = 0; i < 20; i++) {
                        if (writer % 2 == 0) {
                            store.store(Event.of("a", "T", i));
                        } else {
                            database.execute(INSERT + "('x-" + writer + "-" + i + "', 'a', 'T', '" + i + "')");
                        }
                    }
                }))
                .toList();
        writers.forEach(CompletableFuture::join);

        assertThat(store.load(Version.ZERO))
                .extracting(StoredEvent::streamVersion)
                .containsExactlyElementsOf(
                        LongStream.rangeClosed(1, 160).boxed().toList());
    }
}
