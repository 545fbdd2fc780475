package io.synckit.postgres.internal.sql;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** The rows of a statement that appends many events, as arrays. */
final class BatchArrays {

    private final List<EventRow> rows;

    /** Index and number of events of each aggregate, in the order of their first events. */
    private final Map<String, int[]> aggregates = new LinkedHashMap<>();

    private final Integer[] index;
    private final Integer[] nth;

    private BatchArrays(List<EventRow> rows) {
        this.rows = rows;
        this.index = new Integer[rows.size()];
        this.nth = new Integer[rows.size()];
    }

    static BatchArrays of(List<EventRow> rows) {
        BatchArrays arrays = new BatchArrays(rows);
        for (int i = 0; i < rows.size(); i++) {
            int[] aggregate = arrays.aggregates.computeIfAbsent(
                    rows.get(i).aggregateId(), id -> new int[] {arrays.aggregates.size() + 1, 0});
            arrays.index[i] = aggregate[0];
            arrays.nth[i] = ++aggregate[1];
        }
        return arrays;
    }

    /** Returns the aggregates in the order of their first events. */
    Set<String> aggregateIds() {
        return aggregates.keySet();
    }

    /** Binds seven parameters: ids, aggregate ids, indexes of the aggregates, numbers within the aggregates, types, data, metadata. */
    void bindRows(PreparedStatement statement, int first) throws SQLException {
        Connection connection = statement.getConnection();
        statement.setArray(first, Statements.texts(connection, rows, EventRow::id));
        statement.setArray(first + 1, Statements.texts(connection, rows, EventRow::aggregateId));
        statement.setArray(first + 2, connection.createArrayOf("integer", index));
        statement.setArray(first + 3, connection.createArrayOf("integer", nth));
        statement.setArray(first + 4, Statements.texts(connection, rows, EventRow::type));
        statement.setArray(first + 5, Statements.texts(connection, rows, EventRow::data));
        statement.setArray(first + 6, Statements.texts(connection, rows, EventRow::metadata));
    }
}
