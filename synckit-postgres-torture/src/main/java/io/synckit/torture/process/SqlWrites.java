package io.synckit.torture.process;

import io.synckit.Event;
import io.synckit.Version;
import io.synckit.torture.process.Operations.Rejected;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Savepoint;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import javax.sql.DataSource;

/**
 * Events that another program stores by plain SQL: in transactions that last, run serializable, deadlock, are prepared, or are rolled back, as a
 * whole or to a savepoint.
 */
final class SqlWrites {

    private static final String INSERT =
            "insert into synckit.events (id, aggregate_id, event_type, data) values (?, ?, ?, to_jsonb(?::bigint)) returning version";

    private final DataSource pool;
    private final Random random;

    SqlWrites(DataSource pool, Random random) {
        this.pool = pool;
        this.random = random;
    }

    /** Returns the last stream version of an aggregate; 0 if there is none. */
    long lastStreamVersion(String aggregateId) throws SQLException {
        try (Connection connection = pool.getConnection();
                PreparedStatement select = connection.prepareStatement(
                        "select coalesce(max(stream_version), 0) from synckit.events where aggregate_id = ?")) {
            select.setString(1, aggregateId);
            try (ResultSet rows = select.executeQuery()) {
                rows.next();
                return rows.getLong(1);
            }
        }
    }

    /**
     * Stores events in a transaction.
     *
     * @param undone is rolled back to a savepoint
     */
    List<Version> store(List<Event> events, Event undone) throws SQLException {
        boolean prepares = random.nextInt(20) == 0;
        try (Connection connection = pool.getConnection()) {
            List<Version> versions = insert(connection, events, undone);
            if (prepares) {
                return prepare(connection, events.get(0).id(), versions);
            }
            connection.commit();
            return versions;
        }
    }

    /** Until the commit, each failure means that nothing is stored. */
    private List<Version> insert(Connection connection, List<Event> events, Event undone) {
        try {
            connection.setAutoCommit(false);
            if (random.nextInt(10) == 0) {
                // Not for the session, which others use as well behind PgBouncer in transaction mode.
                execute(connection, "set transaction isolation level serializable");
            }
            if (random.nextInt(10) == 0) {
                lockInAnyOrder(connection);
            }
            List<Version> versions = new ArrayList<>();
            for (Event event : events) {
                versions.add(insert(connection, event));
                Pause.millis(random.nextInt(50) == 0 ? 1000 + random.nextInt(3000) : random.nextInt(20));
            }
            Savepoint savepoint = connection.setSavepoint();
            insert(connection, undone);
            connection.rollback(savepoint);
            if (random.nextInt(10) == 0) {
                connection.rollback();
                throw new Rejected("rolled back on purpose");
            }
            return versions;
        } catch (SQLException e) {
            throw new Rejected("failed before the commit, SQLSTATE " + e.getSQLState());
        }
    }

    /** Two transactions that do this at a time may end in a deadlock. */
    private void lockInAnyOrder(Connection connection) throws SQLException {
        int first = random.nextInt(2);
        execute(connection, "update contended set n = n + 1 where id = " + first);
        Pause.millis(200);
        execute(connection, "update contended set n = n + 1 where id = " + (1 - first));
    }

    private static void execute(Connection connection, String sql) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute(sql);
        }
    }

    static Version insert(Connection connection, Event event) throws SQLException {
        try (PreparedStatement insert = connection.prepareStatement(INSERT)) {
            insert.setString(1, event.id());
            insert.setString(2, event.aggregateId());
            insert.setString(3, event.type());
            insert.setLong(4, (Long) event.data());
            try (ResultSet rows = insert.executeQuery()) {
                rows.next();
                return Version.of(rows.getLong(1));
            }
        }
    }

    /** A transaction that has notified cannot be prepared. If the process dies now, it stays until another session ends it. */
    private List<Version> prepare(Connection connection, String name, List<Version> versions) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            try {
                statement.execute("prepare transaction '" + name + "'");
            } catch (SQLException e) {
                if ("0A000".equals(e.getSQLState())) {
                    throw new Rejected("has notified, so it cannot be prepared");
                }
                throw e;
            }
            connection.commit();
            connection.setAutoCommit(true);
            Pause.millis(random.nextInt(1500));
            if (random.nextInt(4) == 0) {
                statement.execute("rollback prepared '" + name + "'");
                throw new Rejected("prepared, and rolled back on purpose");
            }
            statement.execute("commit prepared '" + name + "'");
            return versions;
        }
    }
}
