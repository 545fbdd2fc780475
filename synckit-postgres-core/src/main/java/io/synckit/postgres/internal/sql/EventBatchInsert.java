package io.synckit.postgres.internal.sql;

import io.synckit.AppendResult;
import io.synckit.ExpectedStreamVersion;
import java.sql.Array;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;

/** Appends many events by one statement. */
public final class EventBatchInsert {

    /**
     * "k" is the index of an event's aggregate among the aggregates, "nth" counts the events of one aggregate from 1. Versions are drawn in
     * the order of the arrays, because that happens above the sort. The statement joins no array with another: such a plan would depend on
     * their lengths, and the server could not keep it.
     */
    private static final String TEMPLATE = """
            insert into <table> as e (id, aggregate_id, stream_version, event_type, data, metadata)
            select r.id, r.aggregate_id, r.stream_version, r.event_type, r.data::jsonb, r.metadata::jsonb
              from (select i.*, h.stream_versions[i.k] + i.nth + <mark> as stream_version
                      from (select array_agg(n.stream_version order by n.k) as stream_versions
                              from (select q.k, q.queued, <last stream version> as stream_version
                                      from (select a.aggregate_id, a.k, l.queued
                                              from (select <enter> as queued offset 0) l,
                                                   unnest(?::text[]) with ordinality as a(aggregate_id, k) offset 0) q
                                    offset 0) n
                            having case when bool_and(n.stream_version between ? and ?) then <begin> else false end
                            offset 0) h,
                           unnest(?::text[], ?::text[], ?::integer[], ?::integer[], ?::text[], ?::text[], ?::text[])
                           with ordinality as i(id, aggregate_id, k, nth, event_type, data, metadata, n)
                     order by i.n offset 0) r
            <on conflict>
            returning e.version, e.stream_version, e.created_at
            """;

    /** In a transaction that continues. */
    private static final String JOINED = TEMPLATE.replace("<enter>", "<queue>(?::text[], <most>)")
            .replace("<begin>", "<announce>(min(n.queued))")
            .replace("<on conflict>", "on conflict do nothing");

    /** As a transaction of its own. */
    private static final String ALONE = TEMPLATE.replace("<enter>", "<try lock>(?::text[], <most>)")
            .replace("<begin>", "bool_and(n.queued) and <fence>()")
            .replace("<on conflict>", "");

    private final Statements statements;
    private final String joined;
    private final String alone;

    /** @param preparedStatements whether the driver may keep server-side prepared statements */
    public EventBatchInsert(TableName name, boolean preparedStatements) {
        this.statements = new Statements(name, preparedStatements);
        this.joined = AppendSql.named(statements, JOINED, AppendSql.MAX_LOCKS);
        this.alone = AppendSql.named(statements, ALONE, AppendSql.MAX_LOCKS);
    }

    /**
     * Stores events in their order. Returns fewer results than events if an id or a stream version is taken, or an aggregate is not as
     * expected. Then some may be stored, and the caller must roll back.
     *
     * @param endsTransaction whether the transaction ends with this statement. Then a taken id or stream version may be an error: {@link
     *     AppendConflicts#isTaken}
     */
    public List<AppendResult> insert(
            Connection connection, List<EventRow> rows, ExpectedStreamVersion expected, boolean endsTransaction)
            throws SQLException {
        BatchArrays arrays = BatchArrays.of(rows);
        try (PreparedStatement statement = statements.prepare(connection, endsTransaction ? alone : joined)) {
            Array aggregateIds = Statements.texts(connection, arrays.aggregateIds());
            statement.setArray(1, aggregateIds);
            statement.setArray(2, aggregateIds);
            statement.setLong(3, expected.least());
            statement.setLong(4, expected.most());
            arrays.bindRows(statement, 5);
            List<AppendResult> results = new ArrayList<>(rows.size());
            try (ResultSet inserted = statement.executeQuery()) {
                while (inserted.next()) {
                    results.add(rows.get(results.size()).stored(inserted));
                }
            }
            return results;
        }
    }
}
