package io.synckit.postgres.internal.sql;

import io.synckit.AppendResult;
import io.synckit.ExpectedStreamVersion;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.Optional;

/** Appends one event by one statement. */
public final class EventInsert {

    /**
     * In a transaction that continues. Stores no row if the id or the stream version is taken, or the aggregate is not as expected. Waits for
     * other writers of the aggregate.
     */
    private static final String JOINED = """
            insert into <table> as e (id, aggregate_id, stream_version, event_type, data, metadata)
            select n.id, n.aggregate_id, n.stream_version + 1 + <mark>, ?, ?::jsonb, ?::jsonb
              from (select h.* from (
                        select q.*, <last stream version> as stream_version
                          from (select a.*, <queue>(a.aggregate_id, <most>) as queued
                                  from (select ?::text as id, ?::text as aggregate_id) a offset 0) q
                        offset 0) h
                     where h.stream_version between ? and ?
                       and not exists (select from <table> d where d.id = h.id) offset 0) n
             where <announce>(n.queued)
            on conflict do nothing
            returning e.version, e.stream_version, e.created_at
            """;

    /**
     * As a transaction of its own, where less is enough. It waits for no other writer: it stores no row, and the next attempt waits. A
     * taken id may be an error, which the server logs. The transaction need not remember its locks and its announcement.
     */
    private static final String ALONE = """
            insert into <table> as e (id, aggregate_id, stream_version, event_type, data, metadata)
            select n.id, n.aggregate_id, n.stream_version + 1 + <mark>, ?, ?::jsonb, ?::jsonb
              from (select q.*, <last stream version> as stream_version
                      from (select a.* from (select ?::text as id, ?::text as aggregate_id) a
                             where <try lock>(a.aggregate_id) offset 0) q
                    offset 0) n
             where n.stream_version between ? and ? and <fence>()
            returning e.version, e.stream_version, e.created_at
            """;

    private final Statements statements;
    private final String joined;
    private final String alone;

    /** @param preparedStatements whether the driver may keep server-side prepared statements */
    public EventInsert(TableName name, boolean preparedStatements) {
        this.statements = new Statements(name, preparedStatements);
        this.joined = AppendSql.named(statements, JOINED, AppendSql.MAX_LOCKS);
        this.alone = AppendSql.named(statements, ALONE, AppendSql.MAX_LOCKS);
    }

    /**
     * Stores an event. Returns empty if the id or the stream version is taken, or the aggregate is not as expected.
     *
     * @param endsTransaction whether the transaction ends with this statement. Then a taken id or stream version may be an error: {@link
     *     AppendConflicts#isTaken}
     */
    public Optional<AppendResult> insert(
            Connection connection, EventRow row, ExpectedStreamVersion expected, boolean endsTransaction)
            throws SQLException {
        try (PreparedStatement statement = statements.prepare(connection, endsTransaction ? alone : joined)) {
            statement.setString(1, row.type());
            statement.setString(2, row.data());
            statement.setString(3, row.metadata());
            statement.setString(4, row.id());
            statement.setString(5, row.aggregateId());
            statement.setLong(6, expected.least());
            statement.setLong(7, expected.most());
            try (ResultSet rows = statement.executeQuery()) {
                return rows.next() ? Optional.of(row.stored(rows)) : Optional.empty();
            }
        }
    }
}
