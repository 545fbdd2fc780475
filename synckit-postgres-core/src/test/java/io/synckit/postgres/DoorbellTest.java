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
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.postgresql.PGConnection;
import org.postgresql.PGNotification;
import org.postgresql.copy.CopyManager;
import org.postgresql.core.BaseConnection;

/** The notifications of the database, with commits held by hand. */
class DoorbellTest {

    private static final String LOCKS_HELD_BY_OTHERS = "select count(*) from pg_locks where locktype = 'advisory'"
            + " and mode = 'ExclusiveLock' and objsubid = 1"
            + " and database = (select oid from pg_database where datname = current_database())";
    private static final String INSERT =
            "insert into synckit.events (id, aggregate_id, event_type, data) values ('%s', 'a', 'T', '1')";

    @RegisterExtension
    private final TestDatabase database = TestPostgres.shared().migratedDatabase();

    private final EventStore store = PostgresEventStore.on(database.pool(), Config.defaults());

    private void mode(NotifyMode mode) {
        new SchemaMigrator(database.physical(), "synckit", "events", new SchemaMigrator.Options(false, false, mode))
                .migrate();
    }

    /** A connection that listens on channels. It receives every notification that was committed before a call. */
    private static final class ListeningClient implements AutoCloseable {

        private final Connection connection;

        ListeningClient(TestDatabase database, String... channels) throws SQLException {
            connection = database.connect();
            try (Statement statement = connection.createStatement()) {
                for (String channel : channels) {
                    statement.execute("listen \"" + channel + '"');
                }
            }
        }

        /** The server sends pending notifications before it answers. */
        List<PGNotification> notifications() throws SQLException {
            try (Statement statement = connection.createStatement()) {
                statement.execute("select 1");
            }
            PGNotification[] received = connection.unwrap(PGConnection.class).getNotifications();
            return received == null ? List.of() : List.of(received);
        }

        int received() throws SQLException {
            return notifications().size();
        }

        @Override
        public void close() throws SQLException {
            connection.close();
        }
    }

    private ListeningClient client() throws SQLException {
        return new ListeningClient(database, "synckit.events");
    }

    @Test
    void transactionNotifiesOnce() throws SQLException {
        try (ListeningClient client = client();
                CallersTransaction caller = CallersTransaction.begin(database)) {
            caller.store().store(Event.of("a", "T", 1));
            caller.store()
                    .storeBatch(IntStream.range(0, 100)
                            .mapToObj(i -> Event.of("b", "T", i))
                            .toList());
            assertThat(client.received()).isZero();

            caller.commit();

            assertThat(client.received()).isOne();
        }
    }

    @Test
    void rolledBackTransactionDoesNotNotify() throws SQLException {
        try (ListeningClient client = client();
                CallersTransaction caller = CallersTransaction.begin(database)) {
            caller.store().store(Event.of("a", "T", 1));
            caller.rollback();
            Savepoint savepoint = caller.savepoint();
            caller.store().store(Event.of("a", "T", 2));
            caller.rollbackTo(savepoint);
            caller.commit();

            assertThat(client.received()).isZero();
        }
    }

    @Test
    void doorbellLockIsNotHeldBeforeCommit() throws SQLException {
        try (CallersTransaction caller = CallersTransaction.begin(database)) {
            caller.store().store(Event.of("a", "T", 1));

            assertThat(database.query(LOCKS_HELD_BY_OTHERS)).isEqualTo("0");
        }
    }

    @Test
    void commitsWithoutNotifyingWhileDoorbellLockIsHeld() throws SQLException {
        try (ListeningClient client = client();
                CallersTransaction notifier = CallersTransaction.begin(database)) {
            notifier.store().store(Event.of("a", "T", 1));
            notifier.execute("select synckit.events_take_doorbell()");
            assertThat(database.query("select doorbell_held and settled < head from synckit.events_horizon()"))
                    .isEqualTo("t");

            store.store(Event.of("b", "T", 2));
            assertThat(client.received()).isZero();

            notifier.commit();
            assertThat(client.received()).isOne();
            assertThat(database.query("select doorbell_held or settled < head from synckit.events_horizon()"))
                    .isEqualTo("f");
        }
    }

    @Test
    void rowsOfOtherProgramsNotify() throws Exception {
        try (ListeningClient client = client();
                Connection connection = database.connect()) {
            database.execute(INSERT.formatted("by-hand"));
            assertThat(client.received()).isOne();

            new CopyManager(connection.unwrap(BaseConnection.class))
                    .copyIn(
                            "copy synckit.events (id, aggregate_id, event_type, data) from stdin",
                            new java.io.StringReader("c1\ta\tT\t1\nc2\ta\tT\t2\n"));
            assertThat(client.received()).isOne();

            database.execute("set session_replication_role = replica", INSERT.formatted("replicated"));
            assertThat(client.received()).isOne();
        }
    }

    @Test
    void tablesHaveSeparateDoorbellLocks() throws SQLException {
        new SchemaMigrator(database.physical(), "synckit", "other", SchemaMigrator.Options.DEFAULTS).migrate();
        try (ListeningClient client = client();
                ListeningClient other = new ListeningClient(database, "synckit.other");
                CallersTransaction notifier = CallersTransaction.begin(database)) {
            notifier.store().store(Event.of("a", "T", 1));
            notifier.execute("select synckit.events_take_doorbell()");

            database.execute(
                    "insert into synckit.other (id, aggregate_id, event_type, data) values ('x', 'a', 'T', '1')");

            assertThat(other.received()).isOne();
            assertThat(client.received()).isZero();
            assertThat(database.query("select doorbell_held from synckit.other_horizon()"))
                    .isEqualTo("f");
        }
    }

    @Test
    void channelOfLongNameFits() throws SQLException {
        String schema = "s".repeat(60);
        String table = "t".repeat(40);
        new SchemaMigrator(database.physical(), schema, table, SchemaMigrator.Options.DEFAULTS).migrate();
        String channel = database.query("select %s.%s_channel()".formatted(schema, table));
        try (ListeningClient client = new ListeningClient(database, channel)) {
            database.execute("insert into %s.%s (id, aggregate_id, event_type, data) values ('x', 'a', 'T', '1')"
                    .formatted(schema, table));

            assertThat(client.received()).isOne();
        }
    }

    /** The queue holds 8 GB. Here the function that checks it reports that it is full. */
    @ParameterizedTest
    @EnumSource(
            value = NotifyMode.class,
            names = {"COALESCED", "EACH_EVENT"})
    void doesNotNotifyWhileQueueIsNearlyFull(NotifyMode mode) throws SQLException {
        mode(mode);
        assertThat(database.query("select synckit.events_may_notify()")).isEqualTo("t");
        database.execute(
                "create or replace function synckit.events_may_notify() returns boolean language sql as 'select false'");
        try (ListeningClient client = new ListeningClient(database, "synckit.events", "events_global", "stream_a")) {
            store.store(Event.of("a", "T", 1));

            assertThat(client.notifications()).isEmpty();
        }
    }

    @Test
    void modeOffDoesNotNotify() throws SQLException {
        mode(NotifyMode.OFF);
        try (ListeningClient client = new ListeningClient(database, "synckit.events", "events_global", "stream_a")) {
            store.store(Event.of("a", "T", 1));

            assertThat(client.notifications()).isEmpty();
        }
    }

    @Test
    void eachEventNotifiesOnGoSyncKitChannels() throws SQLException {
        mode(NotifyMode.EACH_EVENT);
        try (ListeningClient client = new ListeningClient(database, "synckit.events", "events_global", "stream_a");
                CallersTransaction caller = CallersTransaction.begin(database)) {
            caller.store().store(Event.of("a", "T", 1).withId("e-1"));
            caller.store().store(Event.of("b", "U", 2).withId("e-2"));
            caller.commit();

            List<String> received = new ArrayList<>();
            String time = "\"created_at\" : \"[^\"]+\"";
            for (PGNotification notification : client.notifications()) {
                received.add(notification.getName()
                        + ' '
                        + notification.getParameter().replaceFirst(time, "…"));
            }
            assertThat(received)
                    .containsExactlyInAnyOrder(
                            "synckit.events ",
                            "stream_a {\"version\" : 1, \"id\" : \"e-1\", \"aggregate_id\" : \"a\", \"event_type\" : \"T\", …}",
                            "events_global {\"version\" : 1, \"id\" : \"e-1\", \"aggregate_id\" : \"a\", \"event_type\" : \"T\","
                                    + " \"stream_name\" : \"stream_a\", …}",
                            "events_global {\"version\" : 2, \"id\" : \"e-2\", \"aggregate_id\" : \"b\", \"event_type\" : \"U\","
                                    + " \"stream_name\" : \"stream_b\", …}");
        }
    }

    /** A channel name of more than 63 bytes is truncated as LISTEN does. The longest keys fit into the payload. */
    @Test
    void longKeysDoNotBreakInserts() throws SQLException {
        mode(NotifyMode.EACH_EVENT);
        String longest = "\u0001".repeat(255);
        try (ListeningClient client = new ListeningClient(database, "events_global", ("stream_" + "ä".repeat(200)))) {
            store.store(Event.of("ä".repeat(200), "T", 1));
            store.store(Event.of(longest, longest, 1).withId(longest));

            assertThat(client.notifications())
                    .extracting(notification -> notification.getName().length())
                    .containsExactly(35, 13, 13);
        }
    }

    @Test
    void modeCanBeChangedAndIsReported() {
        for (NotifyMode mode : List.of(NotifyMode.EACH_EVENT, NotifyMode.OFF, NotifyMode.COALESCED, NotifyMode.OFF)) {
            mode(mode);

            SchemaStatus status = SchemaStatus.of(database.pool(), "synckit", "events");
            assertThat(status.problems()).isEmpty();
            assertThat(status.notifyMode()).isEqualTo(mode);
        }
        assertThatThrownBy(() ->
                        SchemaStatus.of(database.pool(), "synckit", "events").requireNotifyMode(NotifyMode.COALESCED))
                .isInstanceOf(io.synckit.SchemaException.class)
                .hasMessageContaining("OFF")
                .hasMessageContaining("synckit.postgres.notify.mode");
    }

    @Test
    void preparedTransactionNeedsModeOff() throws SQLException {
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
