package io.synckit.postgres.internal.sql;

import java.sql.Array;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.Collection;
import java.util.List;
import java.util.function.Function;
import org.postgresql.PGStatement;

/** Prepares statements: fills in the names of the table, and sets whether the server keeps the statement. */
final class Statements {

    /** The row of a claim that is still valid. {@link PartitionClaims.Held#bind} sets the parameters. */
    private static final String CLAIM =
            "subscription = ? and partition = ? and epoch = ? and owner = ? and <server start> = ?";

    private final TableName name;
    private final boolean keptByTheServer;

    /** @param keptByTheServer whether the driver may keep server-side prepared statements */
    Statements(TableName name, boolean keptByTheServer) {
        this.name = name;
        this.keptByTheServer = keptByTheServer;
    }

    /** Replaces {@code <table>} and the names of the functions that belong to it. */
    String named(String template) {
        return template.replace("<table>", name.quoted())
                .replace("<queue>", name.member("_queue"))
                .replace("<try lock>", name.member("_try_lock"))
                .replace("<fence>", name.member("_fence"))
                .replace("<announce>", name.member("_announce"))
                .replace("<horizon>", name.member("_horizon"))
                .replace("<channel>", name.member("_channel"))
                .replace("<control channel>", name.member("_control_channel"))
                .replace("<commit synchronously>", name.member("_commit_synchronously"))
                .replace("<instances>", name.member("_instances"))
                .replace("<subscriptions>", name.member("_subscriptions"))
                .replace("<checkpoints>", name.member("_checkpoints"))
                .replace("<parked>", name.member("_parked"))
                .replace("<hold doorbell>", name.member("_hold_doorbell"))
                .replace("<lock class>", name.member("_lock_class"))
                .replace("<choose lock class>", name.member("_choose_lock_class"))
                .replace("<claim>", CLAIM)
                .replace("<server start>", ServerStart.SQL)
                .replace("<sequence>", name.member("_version_seq"))
                .replace("<schema version>", name.member("_schema_version"));
    }

    PreparedStatement prepare(Connection connection, String sql) throws SQLException {
        PreparedStatement statement = connection.prepareStatement(sql);
        if (!keptByTheServer && statement.isWrapperFor(PGStatement.class)) {
            statement.unwrap(PGStatement.class).setPrepareThreshold(0);
        }
        return statement;
    }

    /** Of an array of strings, and not of objects, the driver makes a binary one, which neither side has to escape. */
    static Array texts(Connection connection, Collection<String> values) throws SQLException {
        return connection.createArrayOf("text", values.toArray(String[]::new));
    }

    static Array integers(Connection connection, Collection<Integer> values) throws SQLException {
        return connection.createArrayOf("int4", values.toArray());
    }

    static Array longs(Connection connection, Collection<Long> values) throws SQLException {
        return connection.createArrayOf("int8", values.toArray());
    }

    /** Sets the parameters for the names and the numbers of partitions. */
    static void bind(PreparedStatement statement, int index, Collection<PartitionId> partitions) throws SQLException {
        Connection connection = statement.getConnection();
        List<String> names = partitions.stream().map(PartitionId::subscription).toList();
        List<Integer> numbers = partitions.stream().map(PartitionId::partition).toList();
        statement.setArray(index, texts(connection, names));
        statement.setArray(index + 1, integers(connection, numbers));
    }

    /** Returns a duration of SQL's {@code interval} as a parameter of type double precision: seconds. */
    static double seconds(Duration duration) {
        return duration.toNanos() / 1e9;
    }

    static Array texts(Connection connection, List<EventRow> rows, Function<EventRow, String> column)
            throws SQLException {
        return texts(connection, rows.stream().map(column).toList());
    }

    static Instant instant(ResultSet rows, int column) throws SQLException {
        return rows.getObject(column, OffsetDateTime.class).toInstant();
    }

    @Override
    public String toString() {
        return name.toString();
    }
}
