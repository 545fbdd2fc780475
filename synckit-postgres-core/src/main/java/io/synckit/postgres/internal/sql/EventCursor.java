package io.synckit.postgres.internal.sql;

import io.synckit.StoredEvent;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import org.jspecify.annotations.Nullable;

/** Rows of the events table, one at a time. */
public final class EventCursor implements AutoCloseable {

    private final EventQueries table;
    private final PreparedStatement statement;
    private final ResultSet rows;

    EventCursor(EventQueries table, PreparedStatement statement, ResultSet rows) {
        this.table = table;
        this.statement = statement;
        this.rows = rows;
    }

    /** Returns the next event; null at the end. */
    public @Nullable StoredEvent next() throws SQLException {
        return rows.next() ? table.event(rows) : null;
    }

    @Override
    public void close() throws SQLException {
        statement.close();
    }
}
