package io.synckit.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.synckit.Event;
import io.synckit.EventStore;
import io.synckit.postgres.schema.NotifyMode;
import io.synckit.postgres.schema.SchemaMigrator;
import io.synckit.postgres.schema.SchemaStatus;
import io.synckit.postgres.testing.CallersTransaction;
import io.synckit.postgres.testing.TestDatabase;
import io.synckit.postgres.testing.TestPostgres;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Savepoint;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.postgresql.PGConnection;
import org.postgresql.PGNotification;
import org.postgresql.copy.CopyManager;
import org.postgresql.core.BaseConnection;

/** What the database notifies of, with the commits held by hand. */
class BellTest {

    private static final String RING_FOR_OTHERS = "select count(*) from pg_locks where locktype = 'advisory'"
            + " and mode = 'ExclusiveLock' and objsubid = 1"
            + " and database = (select oid from pg_database where datname = current_database())";
    private static final String INSERT =
            "insert into synckit.events (id, aggregate_id, event_type, data) values ('%s', 'a', 'T', '1')";

    private TestDatabase database;
    private EventStore store;

    @BeforeEach
    void open() {
        database = TestPostgres.shared().migratedDatabase();
        store = PostgresEventStore.on(database.pool(), Config.defaults());
    }

    @AfterEach
    void close() {
        database.close();
    }

    private void mode(NotifyMode mode) {
        new SchemaMigrator(database.physical(), "synckit", "events", new SchemaMigrator.Options(false, false, mode))
                .migrate();
    }

    /** A connection that hears what is notified on some channels. What was committed before a call is heard by it. */
    private static final class Ear implements AutoCloseable {

        private final Connection connection;

        Ear(TestDatabase database, String... channels) throws SQLException {
            connection = database.connect();
            try (Statement statement = connection.createStatement()) {
                for (String channel : channels) {
                    statement.execute("listen \"" + channel + '"');
                }
            }
        }

        /** The server sends what is waiting before it answers. */
        List<PGNotification> heard() throws SQLException {
            try (Statement statement = connection.createStatement()) {
                statement.execute("select 1");
            }
            PGNotification[] heard = connection.unwrap(PGConnection.class).getNotifications();
            return heard == null ? List.of() : List.of(heard);
        }

        int rings() throws SQLException {
            return heard().size();
        }

        @Override
        public void close() throws SQLException {
            connection.close();
        }
    }

    private Ear ear() throws SQLException {
        return new Ear(database, "synckit.events");
    }

    @Test
    void aTransactionRingsOnce() throws SQLException {
        try (Ear ear = ear();
                CallersTransaction caller = CallersTransaction.begin(database)) {
            caller.store().store(Event.of("a", "T", 1));
            caller.store()
                    .storeBatch(IntStream.range(0, 100)
                            .mapToObj(i -> Event.of("b", "T", i))
                            .toList());
            assertThat(ear.rings()).isZero();

            caller.commit();

            assertThat(ear.rings()).isOne();
        }
    }

    @Test
    void aTransactionThatRollsBackDoesNotRing() throws SQLException {
        try (Ear ear = ear();
                CallersTransaction caller = CallersTransaction.begin(database)) {
            caller.store().store(Event.of("a", "T", 1));
            caller.rollback();
            Savepoint savepoint = caller.savepoint();
            caller.store().store(Event.of("a", "T", 2));
            caller.rollbackTo(savepoint);
            caller.commit();

            assertThat(ear.rings()).isZero();
        }
    }

    @Test
    void theBellIsNotHeldBeforeTheCommit() throws SQLException {
        try (CallersTransaction caller = CallersTransaction.begin(database)) {
            caller.store().store(Event.of("a", "T", 1));

            assertThat(database.query(RING_FOR_OTHERS)).isEqualTo("0");
        }
    }

    @Test
    void whoFindsTheBellTakenCommitsWithoutRingingAndIsStillAnnounced() throws SQLException {
        try (Ear ear = ear();
                CallersTransaction ringer = CallersTransaction.begin(database)) {
            ringer.store().store(Event.of("a", "T", 1));
            ringer.execute("select synckit.events_take_bell()");
            assertThat(database.query("select ringing and decided < head from synckit.events_horizon()"))
                    .isEqualTo("t");

            store.store(Event.of("b", "T", 2));
            assertThat(ear.rings()).isZero();

            ringer.commit();
            assertThat(ear.rings()).isOne();
            assertThat(database.query("select ringing or decided < head from synckit.events_horizon()"))
                    .isEqualTo("f");
        }
    }

    @Test
    void rowsFromElsewhereRing() throws Exception {
        try (Ear ear = ear();
                Connection connection = database.connect()) {
            database.execute(INSERT.formatted("by-hand"));
            assertThat(ear.rings()).isOne();

            new CopyManager(connection.unwrap(BaseConnection.class))
                    .copyIn(
                            "copy synckit.events (id, aggregate_id, event_type, data) from stdin",
                            new java.io.StringReader("c1\ta\tT\t1\nc2\ta\tT\t2\n"));
            assertThat(ear.rings()).isOne();

            database.execute("set session_replication_role = replica", INSERT.formatted("replicated"));
            assertThat(ear.rings()).isOne();
        }
    }

    @Test
    void twoTablesHaveTwoBells() throws SQLException {
        new SchemaMigrator(database.physical(), "synckit", "other", SchemaMigrator.Options.DEFAULTS).migrate();
        try (Ear ear = ear();
                Ear other = new Ear(database, "synckit.other");
                CallersTransaction ringer = CallersTransaction.begin(database)) {
            ringer.store().store(Event.of("a", "T", 1));
            ringer.execute("select synckit.events_take_bell()");

            database.execute(
                    "insert into synckit.other (id, aggregate_id, event_type, data) values ('x', 'a', 'T', '1')");

            assertThat(other.rings()).isOne();
            assertThat(ear.rings()).isZero();
            assertThat(database.query("select ringing from synckit.other_horizon()"))
                    .isEqualTo("f");
        }
    }

    @Test
    void theChannelOfALongNameFits() throws SQLException {
        String schema = "s".repeat(60);
        String table = "t".repeat(40);
        new SchemaMigrator(database.physical(), schema, table, SchemaMigrator.Options.DEFAULTS).migrate();
        String channel = database.query("select %s.%s_channel()".formatted(schema, table));
        try (Ear ear = new Ear(database, channel)) {
            database.execute("insert into %s.%s (id, aggregate_id, event_type, data) values ('x', 'a', 'T', '1')"
                    .formatted(schema, table));

            assertThat(ear.rings()).isOne();
        }
    }

    /** The queue holds 8 GB; here the function that looks at it says that it is full. */
    @ParameterizedTest
    @EnumSource(
            value = NotifyMode.class,
            names = {"BELL", "EACH_EVENT"})
    void aQueueThatIsNearlyFullIsLeftAlone(NotifyMode mode) throws SQLException {
        mode(mode);
        assertThat(database.query("select synckit.events_may_notify()")).isEqualTo("t");
        database.execute(
                "create or replace function synckit.events_may_notify() returns boolean language sql as 'select false'");
        try (Ear ear = new Ear(database, "synckit.events", "events_global", "stream_a")) {
            store.store(Event.of("a", "T", 1));

            assertThat(ear.heard()).isEmpty();
        }
    }

    @Test
    void offNotifiesOfNothing() throws SQLException {
        mode(NotifyMode.OFF);
        try (Ear ear = new Ear(database, "synckit.events", "events_global", "stream_a")) {
            store.store(Event.of("a", "T", 1));

            assertThat(ear.heard()).isEmpty();
        }
    }

    @Test
    void eachEventIsToldOnTheChannelsOfGoSyncKit() throws SQLException {
        mode(NotifyMode.EACH_EVENT);
        try (Ear ear = new Ear(database, "synckit.events", "events_global", "stream_a");
                CallersTransaction caller = CallersTransaction.begin(database)) {
            caller.store().store(Event.of("a", "T", 1).withId("e-1"));
            caller.store().store(Event.of("b", "U", 2).withId("e-2"));
            caller.commit();

            List<String> heard = new ArrayList<>();
            String time = "\"created_at\" : \"[^\"]+\"";
            for (PGNotification notification : ear.heard()) {
                heard.add(notification.getName()
                        + ' '
                        + notification.getParameter().replaceFirst(time, "…"));
            }
            assertThat(heard)
                    .containsExactlyInAnyOrder(
                            "synckit.events ",
                            "stream_a {\"version\" : 1, \"id\" : \"e-1\", \"aggregate_id\" : \"a\", \"event_type\" : \"T\", …}",
                            "events_global {\"version\" : 1, \"id\" : \"e-1\", \"aggregate_id\" : \"a\", \"event_type\" : \"T\","
                                    + " \"stream_name\" : \"stream_a\", …}",
                            "events_global {\"version\" : 2, \"id\" : \"e-2\", \"aggregate_id\" : \"b\", \"event_type\" : \"U\","
                                    + " \"stream_name\" : \"stream_b\", …}");
        }
    }

    /** A name of more than 63 bytes, cut as LISTEN cuts it; and the longest payload that the keys' limits allow. */
    @Test
    void keysThatBreakTheSeedDoNotBreakAnInsert() throws SQLException {
        mode(NotifyMode.EACH_EVENT);
        String longest = "\u0001".repeat(255);
        try (Ear ear = new Ear(database, "events_global", ("stream_" + "ä".repeat(200)))) {
            store.store(Event.of("ä".repeat(200), "T", 1));
            store.store(Event.of(longest, longest, 1).withId(longest));

            assertThat(ear.heard())
                    .extracting(notification -> notification.getName().length())
                    .containsExactly(35, 13, 13);
        }
    }

    @Test
    void theModeCanBeChangedAndTheCheckSaysIt() {
        for (NotifyMode mode : List.of(NotifyMode.EACH_EVENT, NotifyMode.OFF, NotifyMode.BELL, NotifyMode.OFF)) {
            mode(mode);

            SchemaStatus status = SchemaStatus.of(database.pool(), "synckit", "events");
            assertThat(status.problems()).isEmpty();
            assertThat(status.notifyMode()).isEqualTo(mode);
        }
        assertThatThrownBy(() ->
                        SchemaStatus.of(database.pool(), "synckit", "events").requireNotifyMode(NotifyMode.BELL))
                .isInstanceOf(io.synckit.SchemaMismatchException.class)
                .hasMessageContaining("OFF")
                .hasMessageContaining("synckit.postgres.notify.mode");
    }

    @Test
    void aTransactionThatIsPreparedNeedsTheModeOff() throws SQLException {
        try (CallersTransaction prepared = CallersTransaction.begin(database)) {
            prepared.store().store(Event.of("a", "T", 1));
            assertThatThrownBy(() -> prepared.execute("prepare transaction 'p_" + database.name() + "'"))
                    .hasMessageContaining("NOTIFY");
        }
        mode(NotifyMode.OFF);
        try (CallersTransaction prepared = CallersTransaction.begin(database)) {
            prepared.store().store(Event.of("a", "T", 1));
            prepared.execute("prepare transaction 'p_" + database.name() + "'");
        }
        database.execute("commit prepared 'p_" + database.name() + "'");
        assertThat(store.latestVersion().value()).isPositive();
    }
}
