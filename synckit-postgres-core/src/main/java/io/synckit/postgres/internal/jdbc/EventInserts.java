package io.synckit.postgres.internal.jdbc;

import io.synckit.AppendResult;
import io.synckit.ExpectedStreamVersion;
import io.synckit.Version;
import java.sql.Array;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.postgresql.util.PSQLException;
import org.postgresql.util.ServerErrorMessage;

/** The writer's SQL of the events table. The functions that it calls are in {@code R__functions.sql}. */
public final class EventInserts {

    /** Locks that a transaction takes of the 64 for each connection that the server's lock table has room for by default. */
    private static final int MOST_QUEUED = 64;

    /** Locks after something was in the way, so that a large batch gets its turn. */
    private static final int MOST_QUEUED_AFTER_A_CONFLICT = 1000;

    /**
     * Queue, check, announce (whoever is refused announces nothing, and delays no reader), and only then a version; the mark tells the
     * trigger that admits rows of others that this is done. Each step is a subquery that needs the one inside it, and {@code
     * offset 0} keeps the planner from merging them. No row comes back when the id or the stream version is taken, or the stream is not as expected.
     */
    private static final String INSERT = """
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
     * The same as a transaction of its own, where less is enough: it waits for nobody (no row comes back, and the next attempt waits), an
     * id that is taken may be an error (in the log of the server, too), it need not be kept from announcing, since it is over when it is refused, nor remember
     * for later that it has queued and announced.
     */
    private static final String INSERT_ALONE = """
            insert into <table> as e (id, aggregate_id, stream_version, event_type, data, metadata)
            select n.id, n.aggregate_id, n.stream_version + 1 + <mark>, ?, ?::jsonb, ?::jsonb
              from (select q.*, <last stream version> as stream_version
                      from (select a.* from (select ?::text as id, ?::text as aggregate_id) a
                             where <try lock>(a.aggregate_id) offset 0) q
                    offset 0) n
             where n.stream_version between ? and ? and <fence>()
            returning e.version, e.stream_version, e.created_at
            """;

    /**
     * The same for many: "k" is the place of an event's aggregate among the aggregates, "nth" counts the events of one aggregate from
     * 1. Versions are drawn in the order of the arrays: that happens above the sort. No join of one array with another: its plan
     * would depend on their lengths, and the server could not keep it.
     */
    private static final String BATCH = """
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

    private static final String INSERT_ALL = BATCH.replace("<enter>", "<queue>(?::text[], <most>)")
            .replace("<begin>", "<announce>(min(n.queued))")
            .replace("<on conflict>", "on conflict do nothing");

    private static final String INSERT_ALL_ALONE = BATCH.replace("<enter>", "<try lock>(?::text[], <most>)")
            .replace("<begin>", "bool_and(n.queued) and <fence>()")
            .replace("<on conflict>", "");

    /** Added to the stream version of the library's own rows; the trigger {@code <table>_admit} removes it. */
    private static final String MARK = "5794203610873511936";

    private static final String LAST_STREAM_VERSION = """
            coalesce((select s.stream_version from <table> s where s.aggregate_id = q.aggregate_id
                       order by s.stream_version desc limit 1), 0)""";

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

    private static final Set<String> OWN_KEYS = Set.of("id", "aggregate_id,stream_version");

    private final Statements statements;
    private final TableName name;
    private final String insert;
    private final String insertAlone;
    private final String insertAll;
    private final String insertAllAlone;
    private final String queue;
    private final String existing;
    private final String streamVersion;
    private final String keyColumns;

    /** @param preparedStatements whether the driver may keep server-side prepared statements */
    public EventInserts(TableName name, boolean preparedStatements) {
        this.statements = new Statements(name, preparedStatements);
        this.name = name;
        this.insert = named(INSERT, MOST_QUEUED);
        this.insertAlone = named(INSERT_ALONE, MOST_QUEUED);
        this.insertAll = named(INSERT_ALL, MOST_QUEUED);
        this.insertAllAlone = named(INSERT_ALL_ALONE, MOST_QUEUED);
        this.queue = named(QUEUE, MOST_QUEUED_AFTER_A_CONFLICT);
        this.existing = statements.named(EXISTING);
        this.streamVersion = statements.named(STREAM_VERSION);
        this.keyColumns = statements.named(KEY_COLUMNS);
    }

    /** Stores one event; empty if its id or its stream version is taken, or the stream is not as expected. */
    public Optional<AppendResult> insert(Connection connection, EventRow row, ExpectedStreamVersion expected)
            throws SQLException {
        return insert(connection, insert, row, expected);
    }

    /**
     * The same in a transaction of its own, which is over if nothing is stored.
     *
     * @throws SQLException also if the id or the stream version is taken: {@link #isTaken}
     */
    public Optional<AppendResult> insertAlone(Connection connection, EventRow row, ExpectedStreamVersion expected)
            throws SQLException {
        return insert(connection, insertAlone, row, expected);
    }

    private Optional<AppendResult> insert(
            Connection connection, String sql, EventRow row, ExpectedStreamVersion expected) throws SQLException {
        try (PreparedStatement statement = statements.prepare(connection, sql)) {
            statement.setString(1, row.type());
            statement.setString(2, row.data());
            statement.setString(3, row.metadata());
            statement.setString(4, row.id());
            statement.setString(5, row.aggregateId());
            statement.setLong(6, expected.least());
            statement.setLong(7, expected.most());
            try (ResultSet rows = statement.executeQuery()) {
                return rows.next() ? Optional.of(stored(row, rows)) : Optional.empty();
            }
        }
    }

    /**
     * Stores events in their order; fewer results than events if an id or a stream version is taken, or a stream is not as
     * expected. Then some are stored, and the caller undoes them.
     */
    public List<AppendResult> insertAll(Connection connection, List<EventRow> rows, ExpectedStreamVersion expected)
            throws SQLException {
        return insertAll(connection, insertAll, rows, expected);
    }

    /**
     * The same in a transaction of its own, which is over if not all are stored.
     *
     * @throws SQLException also if an id or a stream version is taken: {@link #isTaken}
     */
    public List<AppendResult> insertAllAlone(Connection connection, List<EventRow> rows, ExpectedStreamVersion expected)
            throws SQLException {
        return insertAll(connection, insertAllAlone, rows, expected);
    }

    private List<AppendResult> insertAll(
            Connection connection, String sql, List<EventRow> rows, ExpectedStreamVersion expected)
            throws SQLException {
        Map<String, int[]> aggregates = new LinkedHashMap<>();
        Integer[] places = new Integer[rows.size()];
        Integer[] nth = new Integer[rows.size()];
        for (int i = 0; i < places.length; i++) {
            // Place among the aggregates, events so far.
            int[] aggregate =
                    aggregates.computeIfAbsent(rows.get(i).aggregateId(), id -> new int[] {aggregates.size() + 1, 0});
            places[i] = aggregate[0];
            nth[i] = ++aggregate[1];
        }
        try (PreparedStatement statement = statements.prepare(connection, sql)) {
            Array aggregateIds = Statements.texts(connection, aggregates.keySet());
            statement.setArray(1, aggregateIds);
            statement.setArray(2, aggregateIds);
            statement.setLong(3, expected.least());
            statement.setLong(4, expected.most());
            statement.setArray(5, Statements.texts(connection, rows, EventRow::id));
            statement.setArray(6, Statements.texts(connection, rows, EventRow::aggregateId));
            statement.setArray(7, connection.createArrayOf("integer", places));
            statement.setArray(8, connection.createArrayOf("integer", nth));
            statement.setArray(9, Statements.texts(connection, rows, EventRow::type));
            statement.setArray(10, Statements.texts(connection, rows, EventRow::data));
            statement.setArray(11, Statements.texts(connection, rows, EventRow::metadata));
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
     * Returns whether an insert has failed because a unique key of the events table is taken: that of the id, of the stream version, or
     * one of the application's. Neither the message, which the server may translate, nor the names of the keys matter.
     */
    public boolean isTaken(SQLException failure) {
        ServerErrorMessage message = failure instanceof PSQLException server ? server.getServerErrorMessage() : null;
        return message != null
                && "23505".equals(failure.getSQLState())
                && name.schema().equals(message.getSchema())
                && name.table().equals(message.getTable());
    }

    /** Returns whether the key of such a failure is that of the id or of the stream version. */
    public boolean isOwnKey(Connection connection, SQLException taken) throws SQLException {
        ServerErrorMessage message = taken instanceof PSQLException server ? server.getServerErrorMessage() : null;
        try (PreparedStatement statement = statements.prepare(connection, keyColumns)) {
            statement.setString(1, message == null ? null : message.getConstraint());
            try (ResultSet rows = statement.executeQuery()) {
                String columns = rows.next() ? rows.getString(1) : null;
                return columns != null && OWN_KEYS.contains(columns);
            }
        }
    }

    /**
     * Waits for the writers of these aggregates that are in flight, so that the next statement sees what they stored. The queue is
     * held until the end of the transaction.
     */
    public void queue(Connection connection, Set<String> aggregateIds) throws SQLException {
        try (PreparedStatement statement = statements.prepare(connection, queue)) {
            statement.setArray(1, Statements.texts(connection, aggregateIds));
            statement.executeQuery().close();
        }
    }

    /** Those of the ids that are stored, with their events' types. */
    public Map<String, Existing> existing(Connection connection, List<EventRow> rows) throws SQLException {
        try (PreparedStatement statement = statements.prepare(connection, existing)) {
            statement.setArray(1, Statements.texts(connection, rows, EventRow::id));
            Map<String, Existing> existing = new HashMap<>();
            try (ResultSet found = statement.executeQuery()) {
                while (found.next()) {
                    AppendResult result = new AppendResult(
                            found.getString(1),
                            found.getString(2),
                            Version.of(found.getLong(4)),
                            found.getLong(5),
                            Statements.instant(found, 6),
                            true);
                    existing.put(result.id(), new Existing(result, found.getString(3)));
                }
            }
            return existing;
        }
    }

    /** The stream version of the aggregate's last event, 0 if there is none. */
    public long streamVersion(Connection connection, String aggregateId) throws SQLException {
        try (PreparedStatement statement = statements.prepare(connection, streamVersion)) {
            statement.setString(1, aggregateId);
            try (ResultSet rows = statement.executeQuery()) {
                rows.next();
                return rows.getLong(1);
            }
        }
    }

    private static AppendResult stored(EventRow row, ResultSet inserted) throws SQLException {
        return new AppendResult(
                row.id(),
                row.aggregateId(),
                Version.of(inserted.getLong(1)),
                inserted.getLong(2),
                Statements.instant(inserted, 3),
                false);
    }

    private String named(String template, int most) {
        return statements.named(template.replace("<last stream version>", LAST_STREAM_VERSION)
                .replace("<mark>", MARK)
                .replace("<most>", Integer.toString(most)));
    }

    /** The aggregates of these rows. */
    public static Set<String> aggregateIds(List<EventRow> rows) {
        Set<String> aggregateIds = new LinkedHashSet<>();
        rows.forEach(row -> aggregateIds.add(row.aggregateId()));
        return aggregateIds;
    }

    /** The table's name. */
    @Override
    public String toString() {
        return statements.toString();
    }

    /** An event that was there before. */
    public record Existing(AppendResult result, String type) {}
}
