package io.synckit.postgres.internal.sql;

import io.synckit.AppendResult;
import io.synckit.Version;
import java.sql.ResultSet;
import java.sql.SQLException;

/**
 * An event that can be stored: its keys are checked, and data and metadata are JSON that PostgreSQL accepts.
 *
 * @param bytes approximate number of bytes of data and metadata in UTF-8 when they are read again
 */
public record EventRow(String id, String aggregateId, String type, String data, String metadata, long bytes) {

    /** Returns the result for this row from the columns {@code version, stream_version, created_at}. */
    AppendResult stored(ResultSet inserted) throws SQLException {
        return new AppendResult(
                id,
                aggregateId,
                Version.of(inserted.getLong(1)),
                inserted.getLong(2),
                Statements.instant(inserted, 3),
                false);
    }
}
