package io.synckit.postgres.internal.sql;

import io.synckit.AppendResult;
import io.synckit.ExpectedStreamVersion;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/** Appends the events of many callers by one statement, as a transaction of its own. It skips aggregates, and stores the others. */
public final class EventGroupInsert {

    /**
     * "k" is the index of an event's aggregate among the aggregates, "nth" counts the events of one aggregate from 1. An aggregate is skipped
     * if its stream version is not between "least" and "most", or another writer has its lock. Above the permitted number of locks it takes
     * none, and waits for other writers at the unique key. See {@link EventBatchInsert} for the rest.
     */
    private static final String INSERT = """
            insert into <table> as e (id, aggregate_id, stream_version, event_type, data, metadata)
            select r.id, r.aggregate_id, r.stream_version, r.event_type, r.data::jsonb, r.metadata::jsonb
              from (select i.*, h.stream_versions[i.k] + i.nth + <mark> as stream_version
                      from (select array_agg(case when n.stream_version between n.least and n.most then n.stream_version end
                                             order by n.k) as stream_versions
                              from (select q.*, case when q.free then <last stream version> end as stream_version
                                      from (select a.*, not ? or <try lock>(a.aggregate_id) as free
                                              from unnest(?::text[], ?::bigint[], ?::bigint[])
                                                   with ordinality as a(aggregate_id, least, most, k) offset 0) q
                                    offset 0) n
                            having case when bool_or(n.stream_version between n.least and n.most) then <fence>() else false end
                            offset 0) h,
                           unnest(?::text[], ?::text[], ?::integer[], ?::integer[], ?::text[], ?::text[], ?::text[])
                           with ordinality as i(id, aggregate_id, k, nth, event_type, data, metadata, n)
                     where h.stream_versions[i.k] is not null
                     order by i.n offset 0) r
            returning e.version, e.stream_version, e.created_at, e.id
            """;

    private final Statements statements;
    private final String insert;

    /** @param preparedStatements whether the driver may keep server-side prepared statements */
    public EventGroupInsert(TableName name, boolean preparedStatements) {
        this.statements = new Statements(name, preparedStatements);
        this.insert = AppendSql.named(statements, INSERT, AppendSql.MAX_LOCKS);
    }

    /**
     * Stores the events of the aggregates that are not skipped, in their order.
     *
     * @param guards the expectation for an aggregate, if there is one
     * @return the results of the stored events, by id
     * @throws SQLException also if an id or a stream version is taken ({@link AppendConflicts#isTaken}); nothing is stored
     */
    public Map<String, AppendResult> insert(
            Connection connection, List<EventRow> rows, Map<String, ExpectedStreamVersion> guards) throws SQLException {
        BatchArrays arrays = BatchArrays.of(rows);
        List<ExpectedStreamVersion> expected = arrays.aggregateIds().stream()
                .map(id -> guards.getOrDefault(id, ExpectedStreamVersion.any()))
                .toList();
        Long[] least = expected.stream().map(ExpectedStreamVersion::least).toArray(Long[]::new);
        Long[] most = expected.stream().map(ExpectedStreamVersion::most).toArray(Long[]::new);
        try (PreparedStatement statement = statements.prepare(connection, insert)) {
            statement.setBoolean(1, expected.size() <= AppendSql.MAX_LOCKS);
            statement.setArray(2, Statements.texts(connection, arrays.aggregateIds()));
            statement.setArray(3, connection.createArrayOf("bigint", least));
            statement.setArray(4, connection.createArrayOf("bigint", most));
            arrays.bindRows(statement, 5);
            return results(statement, rows);
        }
    }

    private static Map<String, AppendResult> results(PreparedStatement statement, List<EventRow> rows)
            throws SQLException {
        Map<String, EventRow> byId = new HashMap<>();
        rows.forEach(row -> byId.put(row.id(), row));
        Map<String, AppendResult> results = new HashMap<>();
        try (ResultSet inserted = statement.executeQuery()) {
            while (inserted.next()) {
                EventRow row = Objects.requireNonNull(byId.get(inserted.getString(4)));
                results.put(row.id(), row.stored(inserted));
            }
        }
        return results;
    }
}
