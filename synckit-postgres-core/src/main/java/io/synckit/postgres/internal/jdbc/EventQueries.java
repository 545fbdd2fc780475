package io.synckit.postgres.internal.jdbc;

import io.synckit.Filter;
import io.synckit.JsonCodec;
import io.synckit.StoredEvent;
import io.synckit.Version;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;
import org.postgresql.PGConnection;
import org.postgresql.jdbc.PreferQueryMode;

/** The reader's SQL of the events table. The function that it calls is in {@code R__functions.sql}. */
public final class EventQueries {

    /** A page of a lagging reader ends when it holds so much; the driver reads so many rows at once. */
    private static final long PAGE_CHARACTERS = 8L << 20;

    private static final int PAGE_FETCH = 32;

    private static final String COLUMNS =
            "version, id, aggregate_id, stream_version, event_type, data, metadata, created_at";

    private static final String FIND = "select " + COLUMNS + " from <table> where id = ?";

    private static final String ID_AT = "select id from <table> where version = ?";

    private static final String RANGE =
            "select " + COLUMNS + " from <table> where version > ? and version <= ?<filter> order by version limit ?";

    private static final String STREAM = "select " + COLUMNS
            + " from <table> where aggregate_id = ? and version > ?<filter> order by stream_version limit ?";

    private static final String HORIZON = "select stable, decided, head, ringing, isolation, standby from <horizon>()";

    /** With the id of the event at a version, which tells whether the log is still the one that was read. */
    private static final String HORIZON_AND_ID = """
            select h.stable, h.decided, h.head, h.ringing, h.isolation, h.standby,
                   (select e.id from <table> e where e.version = ?)
              from <horizon>() h
            """;

    private static final String HEAD_OF_PRIMARY = """
            select case when s.is_called then s.last_value else 0 end from <sequence> s where not pg_is_in_recovery()
            """;

    /** Two statements in one round trip: the second has a later snapshot, unless the isolation is higher than READ COMMITTED. */
    private static final String TAIL = HORIZON_AND_ID + "; select " + COLUMNS
            + " from <table> where version > ? and version <= current_setting('synckit.stable')::bigint order by version limit ?";

    private static final String TALLY =
            "select count(*), coalesce(bit_xor(version), 0) from <table> where version > ? and version <= ?";

    private static final String VERSIONS =
            "select version from <table> where version > ? and version <= ? order by version";

    private static final String STATS = """
            select h.stable, h.head, greatest(c.reltuples, 0)::bigint, pg_table_size(c.oid), pg_indexes_size(c.oid)
              from <horizon>() h, pg_class c where c.oid = ?::regclass
            """;

    private final TableName name;
    private final JsonCodec json;
    private final Statements statements;
    private final String find;
    private final String idAt;
    private final String range;
    private final String stream;
    private final String horizon;
    private final String horizonAndId;
    private final String headOfPrimary;
    private final String tail;
    private final String stats;
    private final String tally;
    private final String versions;

    /** @param preparedStatements whether the driver may keep server-side prepared statements */
    public EventQueries(TableName name, JsonCodec json, boolean preparedStatements) {
        this.name = name;
        this.json = json;
        this.statements = new Statements(name, preparedStatements);
        this.find = statements.named(FIND);
        this.idAt = statements.named(ID_AT);
        this.range = statements.named(RANGE);
        this.stream = statements.named(STREAM);
        this.horizon = statements.named(HORIZON);
        this.horizonAndId = statements.named(HORIZON_AND_ID);
        this.headOfPrimary = statements.named(HEAD_OF_PRIMARY);
        this.tail = statements.named(TAIL);
        this.stats = statements.named(STATS);
        this.tally = statements.named(TALLY);
        this.versions = statements.named(VERSIONS);
    }

    /** The event with this id. */
    public Optional<StoredEvent> find(Connection connection, String id) throws SQLException {
        try (PreparedStatement statement = statements.prepare(connection, find)) {
            statement.setString(1, id);
            try (ResultSet rows = statement.executeQuery()) {
                return rows.next() ? Optional.of(event(rows)) : Optional.empty();
            }
        }
    }

    /** The id of the event with this version, null if there is none. */
    public @Nullable String idAt(Connection connection, long version) throws SQLException {
        try (PreparedStatement statement = statements.prepare(connection, idAt)) {
            statement.setLong(1, version);
            try (ResultSet rows = statement.executeQuery()) {
                return rows.next() ? rows.getString(1) : null;
            }
        }
    }

    /** How far the log is decided. The rows are read in a later statement. */
    public Horizon horizon(Connection connection) throws SQLException {
        try (PreparedStatement statement = statements.prepare(connection, horizon);
                ResultSet rows = statement.executeQuery()) {
            return horizon(rows);
        }
    }

    private static Horizon horizon(ResultSet rows) throws SQLException {
        rows.next();
        return new Horizon(
                rows.getLong(1),
                rows.getLong(2),
                rows.getLong(3),
                rows.getBoolean(4),
                rows.getString(5),
                rows.getBoolean(6));
    }

    /** Returns the highest version given out; empty on a standby. */
    public OptionalLong headOfPrimary(Connection connection) throws SQLException {
        try (PreparedStatement statement = statements.prepare(connection, headOfPrimary);
                ResultSet rows = statement.executeQuery()) {
            return rows.next() ? OptionalLong.of(rows.getLong(1)) : OptionalLong.empty();
        }
    }

    /** Returns the horizon and the id of the event at a version, without events. */
    public TailPage horizonAndId(Connection connection, long version) throws SQLException {
        try (PreparedStatement statement = statements.prepare(connection, horizonAndId)) {
            statement.setLong(1, version);
            try (ResultSet rows = statement.executeQuery()) {
                return new TailPage(horizon(rows), rows.getString(7), List.of());
            }
        }
    }

    /**
     * Returns the horizon, the id of the event at a version, and the first events after that version up to the horizon. Outside a
     * transaction.
     */
    public TailPage tail(Connection connection, long since, int limit) throws SQLException {
        if (connection.unwrap(PGConnection.class).getPreferQueryMode() == PreferQueryMode.SIMPLE) {
            return tailInTwoSteps(connection, since, limit);
        }
        try (PreparedStatement statement = statements.prepare(connection, tail)) {
            statement.setLong(1, since);
            statement.setLong(2, since);
            statement.setInt(3, limit);
            statement.execute();
            Horizon horizon;
            String idAtSince;
            try (ResultSet rows = statement.getResultSet()) {
                horizon = horizon(rows);
                idAtSince = rows.getString(7);
            }
            List<StoredEvent> events = new ArrayList<>();
            statement.getMoreResults();
            try (ResultSet rows = statement.getResultSet()) {
                while (rows.next()) {
                    events.add(event(rows));
                }
            }
            return new TailPage(horizon, idAtSince, events);
        }
    }

    /** In this query mode the driver sends each statement as a transaction of its own, so the second one cannot see a local setting. */
    private TailPage tailInTwoSteps(Connection connection, long since, int limit) throws SQLException {
        TailPage horizon = horizonAndId(connection, since);
        List<StoredEvent> events = new ArrayList<>();
        Selection selection = new Selection(null, since, horizon.horizon().stable());
        try (EventCursor cursor = open(connection, selection, EventFilter.of(new Filter[0], json), limit, 0)) {
            StoredEvent event;
            while ((event = cursor.next()) != null) {
                events.add(event);
            }
        }
        return new TailPage(horizon.horizon(), horizon.idAtVersion(), events);
    }

    /** Sizes and versions, without the pool. */
    public Sizes sizes(Connection connection) throws SQLException {
        try (PreparedStatement statement = statements.prepare(connection, stats)) {
            statement.setString(1, name.quoted());
            try (ResultSet rows = statement.executeQuery()) {
                rows.next();
                return new Sizes(rows.getLong(1), rows.getLong(2), rows.getLong(3), rows.getLong(4), rows.getLong(5));
            }
        }
    }

    /** What is in {@code (since, upTo]}, from the index alone. */
    public Tally tally(Connection connection, long since, long upTo) throws SQLException {
        try (PreparedStatement statement = statements.prepare(connection, tally)) {
            statement.setLong(1, since);
            statement.setLong(2, upTo);
            try (ResultSet rows = statement.executeQuery()) {
                rows.next();
                return new Tally(rows.getLong(1), rows.getLong(2));
            }
        }
    }

    /** The versions in {@code (since, upTo]}, ascending. */
    public List<Long> versions(Connection connection, long since, long upTo) throws SQLException {
        try (PreparedStatement statement = statements.prepare(connection, versions)) {
            statement.setLong(1, since);
            statement.setLong(2, upTo);
            List<Long> found = new ArrayList<>();
            try (ResultSet rows = statement.executeQuery()) {
                while (rows.next()) {
                    found.add(rows.getLong(1));
                }
            }
            return found;
        }
    }

    /** The events in {@code (since, upTo]}, of the aggregate if one is given. */
    public EventCursor open(Connection connection, Selection selection, EventFilter filter, long limit, int fetchSize)
            throws SQLException {
        String aggregateId = selection.aggregateId();
        String sql = aggregateId == null ? range : stream;
        PreparedStatement statement = statements.prepare(connection, sql.replace("<filter>", filter.conditions()));
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

    /**
     * The first events in {@code (since, upTo]}, at most so many, and not much more than {@link #PAGE_CHARACTERS}. A transaction must be
     * open, for the cursor.
     */
    public Page page(Connection connection, long since, long upTo, EventFilter filter, int limit) throws SQLException {
        List<StoredEvent> events = new ArrayList<>();
        long characters = 0;
        try (EventCursor cursor =
                open(connection, new Selection(null, since, upTo), filter, limit, Math.min(limit, PAGE_FETCH))) {
            StoredEvent event;
            while (characters < PAGE_CHARACTERS && (event = cursor.next()) != null) {
                events.add(event);
                characters += event.dataJson().length() + event.metadataJson().length();
            }
        }
        boolean all = events.size() < limit && characters < PAGE_CHARACTERS;
        return new Page(
                events, all ? upTo : events.get(events.size() - 1).version().value());
    }

    /**
     * A part of the log.
     *
     * @param upTo no event up to this version is left out
     */
    public record Page(List<StoredEvent> events, long upTo) {}

    StoredEvent event(ResultSet rows) throws SQLException {
        return new StoredEvent(
                Version.of(rows.getLong(1)),
                rows.getString(2),
                rows.getString(3),
                rows.getLong(4),
                rows.getString(5),
                rows.getString(6),
                rows.getString(7),
                Statements.instant(rows, 8),
                json);
    }

    /** The table's name. */
    @Override
    public String toString() {
        return statements.toString();
    }

    /**
     * What to read.
     *
     * @param aggregateId null for all
     * @param upTo for all aggregates: the horizon; one aggregate's events are in order by themselves and need none
     */
    public record Selection(@Nullable String aggregateId, long since, long upTo) {}

    /**
     * A read at the end of the log.
     *
     * @param idAtVersion id of the event at the given version; null if there is none
     * @param events the first ones after the given version, as they were when the horizon was known
     */
    public record TailPage(Horizon horizon, @Nullable String idAtVersion, List<StoredEvent> events) {}

    /** What PostgreSQL says about the table. */
    public record Sizes(long stable, long head, long estimatedEvents, long tableBytes, long indexBytes) {}

    /**
     * What two sides that have the same versions agree in.
     *
     * @param mixed all versions, exclusive or
     */
    public record Tally(long events, long mixed) {}
}
