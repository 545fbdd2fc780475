package io.synckit.postgres.internal.sql;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.Optional;

/** The table of durable subscriptions: their numbers of partitions, and whether they are paused. */
public final class SubscriptionTable {

    private static final String INSERT =
            "insert into <subscriptions> (name, partitions) values (?, ?) on conflict (name) do nothing";

    private static final String INSERT_CHECKPOINTS = """
            insert into <checkpoints> (subscription, partition, position)
            select ?, p, ? from generate_series(0, ? - 1) p
            """;

    private static final String FIND = "select partitions, paused, replay_until from <subscriptions> where name = ?";

    private static final String PAUSE = "update <subscriptions> set paused = ? where name = ?";

    private static final String REPLAY = "update <subscriptions> set replay_until = ? where name = ?";

    private final String insert;
    private final String insertCheckpoints;
    private final String find;
    private final String pause;
    private final String replay;

    public SubscriptionTable(TableName name) {
        Statements statements = new Statements(name, false);
        this.insert = statements.named(INSERT);
        this.insertCheckpoints = statements.named(INSERT_CHECKPOINTS);
        this.find = statements.named(FIND);
        this.pause = statements.named(PAUSE);
        this.replay = statements.named(REPLAY);
    }

    /** Inserts a subscription, unless it is there. Returns whether it was inserted; then the checkpoints must be, in the same transaction. */
    public boolean insert(Connection connection, String name, int partitions) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(insert)) {
            statement.setString(1, name);
            statement.setInt(2, partitions);
            return statement.executeUpdate() > 0;
        }
    }

    /** Inserts the checkpoints of all partitions. */
    public void insertCheckpoints(Connection connection, String name, int partitions, long position)
            throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(insertCheckpoints)) {
            statement.setString(1, name);
            statement.setLong(2, position);
            statement.setInt(3, partitions);
            statement.executeUpdate();
        }
    }

    /** Returns a subscription. */
    public Optional<Row> find(Connection connection, String name) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(find)) {
            statement.setString(1, name);
            try (ResultSet rows = statement.executeQuery()) {
                return rows.next()
                        ? Optional.of(new Row(rows.getInt(1), rows.getBoolean(2), rows.getLong(3)))
                        : Optional.empty();
            }
        }
    }

    /** Pauses a subscription, or ends the pause. */
    public void pause(Connection connection, String name, boolean paused) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(pause)) {
            statement.setBoolean(1, paused);
            statement.setString(2, name);
            statement.executeUpdate();
        }
    }

    /** Stores that events up to this version are a replay. */
    public void replayUntil(Connection connection, String name, long version) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(replay)) {
            statement.setLong(1, version);
            statement.setString(2, name);
            statement.executeUpdate();
        }
    }

    /** A subscription. */
    public record Row(int partitions, boolean paused, long replayUntil) {}
}
