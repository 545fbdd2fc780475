package io.synckit.postgres.internal.sql;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Types;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The table of keys whose event has failed. The owner of the key's partition inserts, changes and deletes rows, after {@link
 * CheckpointTable#fence} or {@link CheckpointTable#advance} in the same transaction. {@link ParkedAdmin} has what other sessions do.
 */
public final class ParkedTable {

    private static final String COLUMNS =
            "key, next_version, failed_version, attempts, deaths, running, retry_at, command, failure_type, failure, "
                    + "first_failed_at, last_failed_at, extract(epoch from retry_at - clock_timestamp())";

    private static final String INSERT = """
            insert into <parked> (subscription, key, next_version, failed_version, attempts, retry_at, failure_type, failure)
            values (?, ?, ?, ?, ?, clock_timestamp() + make_interval(secs => ?), ?, ?)
            """;

    private static final String LOAD =
            "select " + COLUMNS + " from <parked> where subscription = ? order by first_failed_at, key limit ?";

    private static final String FIND = "select " + COLUMNS + " from <parked> where subscription = ? and key = ?";

    private static final String START = """
            update <parked> set running = true, retry_at = clock_timestamp() + make_interval(secs => ?)
             where subscription = ? and key = ? and next_version = ?
            """;

    private static final String END = """
            update <parked> set running = false, deaths = deaths + ?
             where subscription = ? and key = any(?) and running
            """;

    private static final String FAILED = """
            update <parked> set next_version = ?, failed_version = ?, attempts = ?, deaths = 0, running = false,
                   retry_at = clock_timestamp() + make_interval(secs => ?), failure_type = ?, failure = ?, last_failed_at = clock_timestamp()
             where subscription = ? and key = ? and next_version <= ?
            """;

    /** A command to skip was for an event before. */
    private static final String NEXT = """
            update <parked> set next_version = ?, attempts = 0, deaths = 0, running = false, retry_at = clock_timestamp(),
                   command = nullif(command, 'skip')
             where subscription = ? and key = ? and next_version = ?
            """;

    /** The key waits for the attempt that follows at once. */
    private static final String CLEAR = """
            update <parked> set command = null, retry_at = coalesce(retry_at, clock_timestamp()),
                   attempts = case command when 'requeue' then 0 else attempts end,
                   deaths = case command when 'requeue' then 0 else deaths end
             where subscription = ? and key = ? and command = ?
            """;

    private static final String DELETE = "delete from <parked> where subscription = ? and key = ? and next_version = ?";

    private final String insert;
    private final String load;
    private final String find;
    private final String start;
    private final String end;
    private final String failed;
    private final String next;
    private final String clear;
    private final String delete;

    public ParkedTable(TableName name) {
        Statements statements = new Statements(name, false);
        this.insert = statements.named(INSERT);
        this.load = statements.named(LOAD);
        this.find = statements.named(FIND);
        this.start = statements.named(START);
        this.end = statements.named(END);
        this.failed = statements.named(FAILED);
        this.next = statements.named(NEXT);
        this.clear = statements.named(CLEAR);
        this.delete = statements.named(DELETE);
    }

    /**
     * Inserts a key.
     *
     * @param version its first event that is not handled
     * @param attempts failed attempts at that event
     * @param pause time until the next attempt; null for none
     */
    public void insert(
            Connection connection,
            String subscription,
            String key,
            long version,
            int attempts,
            @Nullable Duration pause,
            ParkedFailure failure)
            throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(insert)) {
            statement.setString(1, subscription);
            statement.setString(2, key);
            statement.setLong(3, version);
            statement.setLong(4, version);
            statement.setInt(5, attempts);
            setPause(statement, 6, pause);
            statement.setString(7, failure.type());
            statement.setString(8, failure.message());
            statement.executeUpdate();
        }
    }

    private static void setPause(PreparedStatement statement, int index, @Nullable Duration pause) throws SQLException {
        statement.setObject(index, pause == null ? null : Statements.seconds(pause), Types.DOUBLE);
    }

    /** Returns the keys of a subscription, at most {@code limit}, those that failed first at the front. */
    public List<ParkedRow> load(Connection connection, String subscription, int limit) throws SQLException {
        List<ParkedRow> found = new ArrayList<>();
        try (PreparedStatement statement = connection.prepareStatement(load)) {
            statement.setString(1, subscription);
            statement.setInt(2, limit);
            try (ResultSet rows = statement.executeQuery()) {
                while (rows.next()) {
                    found.add(row(rows));
                }
            }
        }
        return found;
    }

    /** Returns a key. */
    public Optional<ParkedRow> find(Connection connection, String subscription, String key) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(find)) {
            statement.setString(1, subscription);
            statement.setString(2, key);
            try (ResultSet rows = statement.executeQuery()) {
                return rows.next() ? Optional.of(row(rows)) : Optional.empty();
            }
        }
    }

    private static ParkedRow row(ResultSet rows) throws SQLException {
        double wait = rows.getDouble(13);
        return new ParkedRow(
                rows.getString(1),
                rows.getLong(2),
                rows.getLong(3),
                rows.getInt(4),
                rows.getInt(5),
                rows.getBoolean(6),
                rows.getObject(7) == null ? null : Statements.instant(rows, 7),
                rows.getString(8),
                new ParkedFailure(rows.getString(9), rows.getString(10)),
                Statements.instant(rows, 11),
                Statements.instant(rows, 12),
                Duration.ofMillis((long) (Math.max(wait, 0) * 1000)));
    }

    /**
     * Stores that an attempt at the next event of a key begins. Returns false if the row has changed.
     *
     * @param pause time until the next attempt, should this process die
     */
    public boolean start(Connection connection, String subscription, String key, long nextVersion, Duration pause)
            throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(start)) {
            statement.setDouble(1, Statements.seconds(pause));
            statement.setString(2, subscription);
            statement.setString(3, key);
            statement.setLong(4, nextVersion);
            return statement.executeUpdate() > 0;
        }
    }

    /**
     * Stores that running attempts have ended without a known outcome.
     *
     * @param died whether their process has died
     */
    public void end(Connection connection, String subscription, Collection<String> keys, boolean died)
            throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(end)) {
            statement.setInt(1, died ? 1 : 0);
            statement.setString(2, subscription);
            statement.setArray(3, connection.createArrayOf("text", keys.toArray()));
            statement.executeUpdate();
        }
    }

    /**
     * Stores the failure of an event of a key.
     *
     * @param version the event
     * @param attempts failed attempts at it
     * @param pause time until the next attempt; null for none
     * @return false if the event was handled: its key waits at a later one, or not at all
     */
    public boolean failed(
            Connection connection,
            String subscription,
            String key,
            long version,
            int attempts,
            @Nullable Duration pause,
            ParkedFailure failure)
            throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(failed)) {
            statement.setLong(1, version);
            statement.setLong(2, version);
            statement.setInt(3, attempts);
            setPause(statement, 4, pause);
            statement.setString(5, failure.type());
            statement.setString(6, failure.message());
            statement.setString(7, subscription);
            statement.setString(8, key);
            statement.setLong(9, version);
            return statement.executeUpdate() > 0;
        }
    }

    /**
     * Stores that all events of a key before a version are handled.
     *
     * @param from the version of its next event until now
     * @return false if the row is not at {@code from}, because the server has lost commits
     */
    public boolean next(Connection connection, String subscription, String key, long from, long version)
            throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(next)) {
            statement.setLong(1, version);
            statement.setString(2, subscription);
            statement.setString(3, key);
            statement.setLong(4, from);
            return statement.executeUpdate() > 0;
        }
    }

    /** Clears a command that is carried out. Another one that was set meanwhile stays. */
    public void clear(Connection connection, String subscription, String key, ParkedCommand done) throws SQLException {
        update(connection, clear, subscription, key, done.text());
    }

    /** Deletes a key. Returns false if its next event is not at this version, because the server has lost commits. */
    public boolean delete(Connection connection, String subscription, String key, long nextVersion)
            throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(delete)) {
            statement.setString(1, subscription);
            statement.setString(2, key);
            statement.setLong(3, nextVersion);
            return statement.executeUpdate() > 0;
        }
    }

    private static void update(Connection connection, String sql, String... values) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(sql)) {
            for (int i = 0; i < values.length; i++) {
                statement.setString(i + 1, values[i]);
            }
            statement.executeUpdate();
        }
    }
}
