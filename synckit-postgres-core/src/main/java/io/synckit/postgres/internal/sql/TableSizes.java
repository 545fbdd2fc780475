package io.synckit.postgres.internal.sql;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;

/**
 * The sizes and versions of the events table.
 *
 * @param stable see {@link Horizon}
 * @param head see {@link Horizon}
 * @param estimatedEvents the estimate of the planner
 */
public record TableSizes(long stable, long head, long estimatedEvents, long tableBytes, long indexBytes) {

    private static final String SIZES = """
            select h.stable, h.head, greatest(c.reltuples, 0)::bigint, pg_table_size(c.oid), pg_indexes_size(c.oid)
              from <horizon>() h, pg_class c where c.oid = ?::regclass
            """;

    /** Returns the sizes of a table. */
    public static TableSizes of(Connection connection, TableName name) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(new Statements(name, false).named(SIZES))) {
            statement.setString(1, name.quoted());
            try (ResultSet rows = statement.executeQuery()) {
                rows.next();
                return new TableSizes(
                        rows.getLong(1), rows.getLong(2), rows.getLong(3), rows.getLong(4), rows.getLong(5));
            }
        }
    }
}
