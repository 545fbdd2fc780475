package io.synckit.postgres.internal.sql;

import io.synckit.AppendResult;
import io.synckit.Version;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.postgresql.util.PSQLException;
import org.postgresql.util.ServerErrorMessage;

/** Finds out why an append has stored nothing, and waits for other writers. */
public final class AppendConflicts {

    private static final String QUEUE = "select <queue>(?::text[], <most>)";

    private static final String EXISTING = """
            select id, aggregate_id, event_type, version, stream_version, created_at from <table> where id = any(?)
            """;

    private static final String STREAM_VERSION =
            "select coalesce(max(stream_version), 0) from <table> where aggregate_id = ?";

    private static final String KEY_COLUMNS = """
            select string_agg(a.attname, ',' order by k.n)
              from pg_index i
              join pg_class c on c.oid = i.indexrelid
             cross join lateral unnest(i.indkey::smallint[]) with ordinality k(number, n)
              join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.number
             where i.indrelid = '<table>'::regclass and c.relname = ? and k.n <= i.indnkeyatts
            """;

    private static final String UNIQUE_VIOLATION = "23505";

    private static final Set<String> OWN_KEYS = Set.of("id", "aggregate_id,stream_version");

    private final Statements statements;
    private final TableName name;
    private final String queue;
    private final String existing;
    private final String streamVersion;
    private final String keyColumns;

    /** @param preparedStatements whether the driver may keep server-side prepared statements */
    public AppendConflicts(TableName name, boolean preparedStatements) {
        this.statements = new Statements(name, preparedStatements);
        this.name = name;
        this.queue = AppendSql.named(statements, QUEUE, AppendSql.MAX_LOCKS_AFTER_CONFLICT);
        this.existing = statements.named(EXISTING);
        this.streamVersion = statements.named(STREAM_VERSION);
        this.keyColumns = statements.named(KEY_COLUMNS);
    }

    /**
     * Returns whether an insert has failed because a unique key of the events table is taken: that of the id, of the stream version, or
     * one of the application. Neither the message, which the server may translate, nor the names of the keys matter.
     */
    public boolean isTaken(SQLException failure) {
        ServerErrorMessage message = message(failure);
        return message != null
                && UNIQUE_VIOLATION.equals(failure.getSQLState())
                && name.schema().equals(message.getSchema())
                && name.table().equals(message.getTable());
    }

    private static @Nullable ServerErrorMessage message(SQLException failure) {
        return failure instanceof PSQLException server ? server.getServerErrorMessage() : null;
    }

    /** Returns whether the taken key is that of the id or of the stream version. */
    public boolean isOwnKey(Connection connection, SQLException taken) throws SQLException {
        ServerErrorMessage message = message(taken);
        try (PreparedStatement statement = statements.prepare(connection, keyColumns)) {
            statement.setString(1, message == null ? null : message.getConstraint());
            try (ResultSet rows = statement.executeQuery()) {
                String columns = rows.next() ? rows.getString(1) : null;
                return columns != null && OWN_KEYS.contains(columns);
            }
        }
    }

    /**
     * Waits for other writers of the aggregates, so that the next statement sees what they have stored. Later writers wait until this
     * transaction ends.
     */
    public void queue(Connection connection, List<EventRow> rows) throws SQLException {
        Set<String> aggregateIds = new LinkedHashSet<>();
        rows.forEach(row -> aggregateIds.add(row.aggregateId()));
        try (PreparedStatement statement = statements.prepare(connection, queue)) {
            statement.setArray(1, Statements.texts(connection, aggregateIds));
            statement.executeQuery().close();
        }
    }

    /** Returns the stored events that have one of the ids, by id. */
    public Map<String, Existing> existing(Connection connection, List<EventRow> rows) throws SQLException {
        try (PreparedStatement statement = statements.prepare(connection, existing)) {
            statement.setArray(1, Statements.texts(connection, rows, EventRow::id));
            Map<String, Existing> found = new HashMap<>();
            try (ResultSet stored = statement.executeQuery()) {
                while (stored.next()) {
                    AppendResult result = new AppendResult(
                            stored.getString(1),
                            stored.getString(2),
                            Version.of(stored.getLong(4)),
                            stored.getLong(5),
                            Statements.instant(stored, 6),
                            true);
                    found.put(result.id(), new Existing(result, stored.getString(3)));
                }
            }
            return found;
        }
    }

    /** Returns the stream version of the aggregate's last event; 0 if there is none. */
    public long streamVersion(Connection connection, String aggregateId) throws SQLException {
        try (PreparedStatement statement = statements.prepare(connection, streamVersion)) {
            statement.setString(1, aggregateId);
            try (ResultSet rows = statement.executeQuery()) {
                rows.next();
                return rows.getLong(1);
            }
        }
    }

    /** Returns the name of the table. */
    @Override
    public String toString() {
        return statements.toString();
    }

    /** An event that was stored before. */
    public record Existing(AppendResult result, String type) {}
}
