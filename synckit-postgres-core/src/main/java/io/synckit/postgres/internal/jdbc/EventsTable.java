package io.synckit.postgres.internal.jdbc;

import io.synckit.AppendResult;
import io.synckit.EventLimits;
import io.synckit.JsonCodec;
import io.synckit.StoredEvent;
import io.synckit.Version;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.postgresql.PGStatement;

/** All SQL of the events table. The functions that it calls are in {@code db/synckit/postgres/V1__events.sql}. */
public final class EventsTable {

    /** The whole range of stream versions, for an append without an expectation. */
    public static final StreamRange ANY = new StreamRange(0, Long.MAX_VALUE);

    private static final String COLUMNS =
            "version, id, aggregate_id, stream_version, event_type, data, metadata, created_at";

    /**
     * Queue, check, announce, and only then a version: each step is a subquery that needs the one inside it, and {@code offset 0}
     * keeps the planner from merging them. No row comes back when the id or the stream version is taken, or the stream is
     * not in the range.
     */
    private static final String INSERT = """
            insert into <table> as e (id, aggregate_id, stream_version, event_type, data, metadata)
            select ?, n.aggregate_id, n.stream_version + 1, ?, ?::jsonb, ?::jsonb
              from (select h.* from (
                        select q.aggregate_id, q.queued, <stream version of q> as stream_version
                          from (select a.aggregate_id, <queue>(a.aggregate_id) as queued
                                  from (select ?::text as aggregate_id) a offset 0) q
                        offset 0) h
                     where h.stream_version between ? and ? offset 0) n
             where <announce>(n.queued)
            on conflict do nothing
            returning e.version, e.stream_version, e.created_at
            """;

    /** The same for many; "nth" counts the events of one aggregate from 1. Versions are drawn in the order of the arrays. */
    private static final String INSERT_ALL = """
            insert into <table> as e (id, aggregate_id, stream_version, event_type, data, metadata)
            select i.id, i.aggregate_id, n.stream_version + i.nth, i.event_type, i.data::jsonb, i.metadata::jsonb
              from (select h.* from (
                        select q.aggregate_id, q.queued, <stream version of q> as stream_version
                          from (select a.aggregate_id, l.queued
                                  from (select <queue>(?::text[]) as queued offset 0) l,
                                       unnest(?::text[]) as a(aggregate_id) offset 0) q
                        offset 0) h
                     where h.stream_version between ? and ? and <announce>(h.queued) offset 0) n
              join unnest(?::text[], ?::text[], ?::integer[], ?::text[], ?::text[], ?::text[])
                   with ordinality as i(id, aggregate_id, nth, event_type, data, metadata, n)
                on i.aggregate_id = n.aggregate_id
             order by i.n
            on conflict do nothing
            returning e.version, e.stream_version, e.created_at
            """;

    private static final String STREAM_VERSION_OF_Q = """
            coalesce((select s.stream_version from <table> s where s.aggregate_id = q.aggregate_id
                       order by s.stream_version desc limit 1), 0)""";

    private static final String QUEUE = "select <queue>(?::text[])";

    private static final String EXISTING = """
            select id, aggregate_id, event_type, version, stream_version, created_at from <table> where id = any(?)
            """;

    private static final String STREAM_VERSION =
            "select coalesce(max(stream_version), 0) from <table> where aggregate_id = ?";

    private static final String FIND = "select " + COLUMNS + " from <table> where id = ?";

    private static final String RANGE =
            "select " + COLUMNS + " from <table> where version > ? and version <= ?<filter> order by version limit ?";

    private static final String STREAM = "select " + COLUMNS
            + " from <table> where aggregate_id = ? and version > ?<filter> order by stream_version limit ?";

    private static final String HORIZON = "select stable, head, isolation, standby from <horizon>()";

    private static final String STATS = """
            select h.stable, h.head, greatest(c.reltuples, 0)::bigint, pg_table_size(c.oid), pg_indexes_size(c.oid)
              from <horizon>() h, pg_class c where c.oid = ?::regclass
            """;

    private final TableName name;
    private final JsonCodec json;
    private final boolean preparedStatements;
    private final String insert;
    private final String insertAll;
    private final String queue;
    private final String existing;
    private final String streamVersion;
    private final String find;
    private final String range;
    private final String stream;
    private final String horizon;
    private final String stats;

    /** @param preparedStatements whether the driver may keep server-side prepared statements */
    public EventsTable(TableName name, JsonCodec json, boolean preparedStatements) {
        this.name = name;
        this.json = json;
        this.preparedStatements = preparedStatements;
        this.insert = named(INSERT);
        this.insertAll = named(INSERT_ALL);
        this.queue = named(QUEUE);
        this.existing = named(EXISTING);
        this.streamVersion = named(STREAM_VERSION);
        this.find = named(FIND);
        this.range = named(RANGE);
        this.stream = named(STREAM);
        this.horizon = named(HORIZON);
        this.stats = named(STATS);
    }

    /** Stores one event; empty if its id or its stream version is taken, or the stream is not in the range. */
    public Optional<AppendResult> insert(Connection connection, EventRow row, StreamRange allowed) throws SQLException {
        try (PreparedStatement statement = prepare(connection, insert)) {
            statement.setString(1, row.id());
            statement.setString(2, row.type());
            statement.setString(3, row.data());
            statement.setString(4, row.metadata());
            statement.setString(5, row.aggregateId());
            statement.setLong(6, allowed.from());
            statement.setLong(7, allowed.to());
            try (ResultSet rows = statement.executeQuery()) {
                return rows.next() ? Optional.of(stored(row, rows)) : Optional.empty();
            }
        }
    }

    /**
     * Stores events in their order; fewer results than events if an id or a stream version is taken, or a stream is not in the
     * range. Then some are stored, and the caller undoes them.
     */
    public List<AppendResult> insertAll(Connection connection, List<EventRow> rows, StreamRange allowed)
            throws SQLException {
        Map<String, Integer> counts = new LinkedHashMap<>();
        Integer[] nth = rows.stream()
                .map(row -> counts.merge(row.aggregateId(), 1, Integer::sum))
                .toArray(Integer[]::new);
        try (PreparedStatement statement = prepare(connection, insertAll)) {
            java.sql.Array aggregates =
                    connection.createArrayOf("text", counts.keySet().toArray());
            statement.setArray(1, aggregates);
            statement.setArray(2, aggregates);
            statement.setLong(3, allowed.from());
            statement.setLong(4, allowed.to());
            statement.setArray(5, texts(connection, rows, EventRow::id));
            statement.setArray(6, texts(connection, rows, EventRow::aggregateId));
            statement.setArray(7, connection.createArrayOf("integer", nth));
            statement.setArray(8, texts(connection, rows, EventRow::type));
            statement.setArray(9, texts(connection, rows, EventRow::data));
            statement.setArray(10, texts(connection, rows, EventRow::metadata));
            List<AppendResult> results = new ArrayList<>(rows.size());
            try (ResultSet inserted = statement.executeQuery()) {
                while (inserted.next()) {
                    results.add(stored(rows.get(results.size()), inserted));
                }
            }
            return results;
        }
    }

    /**
     * Waits for the writers of these aggregates that are in flight, so that the next statement sees what they stored. The queue is
     * held until the end of the transaction.
     */
    public void queue(Connection connection, Set<String> aggregateIds) throws SQLException {
        try (PreparedStatement statement = prepare(connection, queue)) {
            statement.setArray(1, connection.createArrayOf("text", aggregateIds.toArray()));
            statement.executeQuery().close();
        }
    }

    /** Those of the ids that are stored, with their events' types. */
    public Map<String, Existing> existing(Connection connection, List<EventRow> rows) throws SQLException {
        try (PreparedStatement statement = prepare(connection, existing)) {
            statement.setArray(1, texts(connection, rows, EventRow::id));
            Map<String, Existing> existing = new HashMap<>();
            try (ResultSet found = statement.executeQuery()) {
                while (found.next()) {
                    AppendResult result = new AppendResult(
                            found.getString(1),
                            found.getString(2),
                            Version.of(found.getLong(4)),
                            found.getLong(5),
                            instant(found, 6),
                            true);
                    existing.put(result.id(), new Existing(result, found.getString(3)));
                }
            }
            return existing;
        }
    }

    /** The stream version of the aggregate's last event, 0 if there is none. */
    public long streamVersion(Connection connection, String aggregateId) throws SQLException {
        try (PreparedStatement statement = prepare(connection, streamVersion)) {
            statement.setString(1, aggregateId);
            try (ResultSet rows = statement.executeQuery()) {
                rows.next();
                return rows.getLong(1);
            }
        }
    }

    public Optional<StoredEvent> find(Connection connection, String id) throws SQLException {
        if (EventLimits.unstorable(id) != null) {
            return Optional.empty();
        }
        try (PreparedStatement statement = prepare(connection, find)) {
            statement.setString(1, id);
            try (ResultSet rows = statement.executeQuery()) {
                return rows.next() ? Optional.of(event(rows)) : Optional.empty();
            }
        }
    }

    /** How far the log is decided. The rows are read in a later statement. */
    public Horizon horizon(Connection connection) throws SQLException {
        try (PreparedStatement statement = prepare(connection, horizon);
                ResultSet rows = statement.executeQuery()) {
            rows.next();
            return new Horizon(rows.getLong(1), rows.getLong(2), rows.getString(3), rows.getBoolean(4));
        }
    }

    /** Sizes and versions, without the pool. */
    public Sizes sizes(Connection connection) throws SQLException {
        try (PreparedStatement statement = prepare(connection, stats)) {
            statement.setString(1, name.quoted());
            try (ResultSet rows = statement.executeQuery()) {
                rows.next();
                return new Sizes(rows.getLong(1), rows.getLong(2), rows.getLong(3), rows.getLong(4), rows.getLong(5));
            }
        }
    }

    /** The events in {@code (since, upTo]}, of the aggregate if one is given. */
    public EventCursor open(Connection connection, Selection selection, EventFilter filter, long limit, int fetchSize)
            throws SQLException {
        String aggregateId = selection.aggregateId();
        String sql = aggregateId == null ? range : stream;
        PreparedStatement statement = prepare(connection, sql.replace("<filter>", filter.conditions()));
        try {
            int index = 1;
            if (aggregateId == null) {
                statement.setLong(index++, selection.since());
                statement.setLong(index++, selection.upTo());
            } else {
                statement.setString(index++, aggregateId);
                statement.setLong(index++, selection.since());
            }
            index = filter.bind(statement, index);
            statement.setLong(index, limit);
            statement.setFetchSize(fetchSize);
            return new EventCursor(this, statement, statement.executeQuery());
        } catch (SQLException | RuntimeException e) {
            statement.close();
            throw e;
        }
    }

    StoredEvent event(ResultSet rows) throws SQLException {
        return new StoredEvent(
                Version.of(rows.getLong(1)),
                rows.getString(2),
                rows.getString(3),
                rows.getLong(4),
                rows.getString(5),
                rows.getString(6),
                rows.getString(7),
                instant(rows, 8),
                json);
    }

    private static AppendResult stored(EventRow row, ResultSet inserted) throws SQLException {
        return new AppendResult(
                row.id(),
                row.aggregateId(),
                Version.of(inserted.getLong(1)),
                inserted.getLong(2),
                instant(inserted, 3),
                false);
    }

    private static Instant instant(ResultSet rows, int column) throws SQLException {
        return rows.getObject(column, OffsetDateTime.class).toInstant();
    }

    private static java.sql.Array texts(
            Connection connection, List<EventRow> rows, java.util.function.Function<EventRow, String> column)
            throws SQLException {
        return connection.createArrayOf("text", rows.stream().map(column).toArray());
    }

    private PreparedStatement prepare(Connection connection, String sql) throws SQLException {
        PreparedStatement statement = connection.prepareStatement(sql);
        if (!preparedStatements && statement.isWrapperFor(PGStatement.class)) {
            statement.unwrap(PGStatement.class).setPrepareThreshold(0);
        }
        return statement;
    }

    private String named(String template) {
        return template.replace("<stream version of q>", STREAM_VERSION_OF_Q)
                .replace("<table>", name.quoted())
                .replace("<queue>", name.member("_queue"))
                .replace("<announce>", name.member("_announce"))
                .replace("<horizon>", name.member("_horizon"));
    }

    @Override
    public String toString() {
        return name.toString();
    }

    /** Which stream versions an aggregate may be at, both ends included. */
    public record StreamRange(long from, long to) {}

    /** An event that was there before. */
    public record Existing(AppendResult result, String type) {}

    /**
     * What to read.
     *
     * @param aggregateId null for all
     * @param upTo for all aggregates: the horizon; one aggregate's events are in order by themselves and need none
     */
    public record Selection(@Nullable String aggregateId, long since, long upTo) {}

    /** What PostgreSQL says about the table. */
    public record Sizes(long stable, long head, long estimatedEvents, long tableBytes, long indexBytes) {}

    /** The aggregates of these rows. */
    public static Set<String> aggregateIds(List<EventRow> rows) {
        Set<String> aggregateIds = new LinkedHashSet<>();
        rows.forEach(row -> aggregateIds.add(row.aggregateId()));
        return aggregateIds;
    }
}
