package io.synckit.postgres.internal.sql;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Types;
import org.jspecify.annotations.Nullable;

/** The keys whose event has failed, as sessions other than the owner read them and set commands. See {@link ParkedTable}. */
public final class ParkedAdmin {

    private static final String COUNT = "select count(*) from <parked> where subscription = ?";

    private static final String WAITS_AT = """
            select coalesce(bool_or(retry_at is null and command is null), false),
                   coalesce(bool_or(retry_at is not null or command is not null), false)
              from <parked> where subscription = ? and (?::text is null or key = ?) and next_version <= ?
            """;

    private static final String DELETE_ALL = "delete from <parked> where subscription = ?";

    /** A command for all keys replaces none for a single one. */
    private static final String COMMAND = """
            update <parked> set command = ?, attempts = case when ? = 'requeue' then 0 else attempts end,
                   retry_at = case when ? = 'requeue' then clock_timestamp() else retry_at end
             where subscription = ? and (?::bigint is null or next_version = ?)
               and (key = ? or ?::text is null and coalesce(command, 'requeue') = 'requeue')
            """;

    private final String count;
    private final String waitsAt;
    private final String deleteAll;
    private final String command;

    public ParkedAdmin(TableName name) {
        Statements statements = new Statements(name, false);
        this.count = statements.named(COUNT);
        this.waitsAt = statements.named(WAITS_AT);
        this.deleteAll = statements.named(DELETE_ALL);
        this.command = statements.named(COMMAND);
    }

    /** Returns the number of keys. */
    public long count(Connection connection, String subscription) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(count)) {
            statement.setString(1, subscription);
            try (ResultSet rows = statement.executeQuery()) {
                rows.next();
                return rows.getLong(1);
            }
        }
    }

    /**
     * Returns whether events up to a version wait.
     *
     * @param key null for all keys
     */
    public Waiting waiting(Connection connection, String subscription, @Nullable String key, long version)
            throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(waitsAt)) {
            statement.setString(1, subscription);
            statement.setString(2, key);
            statement.setString(3, key);
            statement.setLong(4, version);
            try (ResultSet rows = statement.executeQuery()) {
                rows.next();
                return new Waiting(rows.getBoolean(1), rows.getBoolean(2));
            }
        }
    }

    /** Deletes all keys of a subscription. */
    public void deleteAll(Connection connection, String subscription) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(deleteAll)) {
            statement.setString(1, subscription);
            statement.executeUpdate();
        }
    }

    /**
     * Sets a command, which the owner of the key carries out. Returns the number of keys.
     *
     * @param key null for all keys
     * @param nextVersion the event that is meant; null for whichever it is
     */
    public int command(
            Connection connection,
            String subscription,
            @Nullable String key,
            @Nullable Long nextVersion,
            ParkedCommand command)
            throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(this.command)) {
            statement.setString(1, command.text());
            statement.setString(2, command.text());
            statement.setString(3, command.text());
            statement.setString(4, subscription);
            statement.setObject(5, nextVersion, Types.BIGINT);
            statement.setObject(6, nextVersion, Types.BIGINT);
            statement.setString(7, key);
            statement.setString(8, key);
            return statement.executeUpdate();
        }
    }

    /** Whether events are parked, and whether events wait for an attempt. */
    public record Waiting(boolean parked, boolean retrying) {}
}
