package io.synckit.postgres.internal.sql;

import io.synckit.StoredEvent;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/** Identifies an event at its version. The id alone is not enough: an emptied table may be filled with the same ids again. */
public record EventIdentity(String id, Instant storedAt) {

    /** Returns the identity of an event. */
    public static EventIdentity of(StoredEvent event) {
        return new EventIdentity(event.id(), event.createdAt());
    }

    /** Returns the identity from the columns {@code id, created_at}; null if there is no event. */
    static @Nullable EventIdentity of(ResultSet rows, int column) throws SQLException {
        String id = rows.getString(column);
        return id == null ? null : new EventIdentity(id, Statements.instant(rows, column + 1));
    }
}
