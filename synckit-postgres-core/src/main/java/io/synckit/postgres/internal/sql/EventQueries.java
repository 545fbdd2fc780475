package io.synckit.postgres.internal.sql;

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
import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** The queries of the events table. */
public final class EventQueries {

    /** A page of a subscription that lags ends when it has this many characters. */
    private static final long PAGE_CHARACTERS = 8L << 20;

    /** Rows of such a page that the driver fetches at once. */
    private static final int PAGE_FETCH = 32;

    static final String COLUMNS = "version, id, aggregate_id, stream_version, event_type, data, metadata, created_at";

    private static final String FIND = "select " + COLUMNS + " from <table> where id = ?";

    private static final String IDENTITY_AT = "select id, created_at from <table> where version = ?";

    private static final String IDENTITIES =
            "select version, id, created_at from <table> where version > ? and version <= ? order by version";

    private static final String RANGE =
            "select " + COLUMNS + " from <table> where version > ? and version <= ?<filter> order by version limit ?";

    private static final String RANGE_NEWEST_FIRST = "select " + COLUMNS
            + " from <table> where version > ? and version <= ?<filter> order by version desc limit ?";

    private static final String STREAM = "select " + COLUMNS
            + " from <table> where aggregate_id = ? and version > ?<filter> order by stream_version limit ?";

    private final JsonCodec json;
    private final Statements statements;
    private final String find;
    private final String identityAt;
    private final String identities;
    private final String range;
    private final String rangeNewestFirst;
    private final String stream;

    /** @param preparedStatements whether the driver may keep server-side prepared statements */
    public EventQueries(TableName name, JsonCodec json, boolean preparedStatements) {
        this.json = json;
        this.statements = new Statements(name, preparedStatements);
        this.find = statements.named(FIND);
        this.identityAt = statements.named(IDENTITY_AT);
        this.identities = statements.named(IDENTITIES);
        this.range = statements.named(RANGE);
        this.rangeNewestFirst = statements.named(RANGE_NEWEST_FIRST);
        this.stream = statements.named(STREAM);
    }

    /** Returns the event with this id. */
    public Optional<StoredEvent> find(Connection connection, String id) throws SQLException {
        try (PreparedStatement statement = statements.prepare(connection, find)) {
            statement.setString(1, id);
            try (ResultSet rows = statement.executeQuery()) {
                return rows.next() ? Optional.of(event(rows)) : Optional.empty();
            }
        }
    }

    /** Returns the identity of the event with this version; null if there is none. */
    public @Nullable EventIdentity identityAt(Connection connection, long version) throws SQLException {
        try (PreparedStatement statement = statements.prepare(connection, identityAt)) {
            statement.setLong(1, version);
            try (ResultSet rows = statement.executeQuery()) {
                return rows.next() ? EventIdentity.of(rows, 1) : null;
            }
        }
    }

    /** Returns the identities of all events in {@code (since, upTo]}, by version and in its order. */
    public SortedMap<Long, EventIdentity> identities(Connection connection, long since, long upTo) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(identities)) {
            statement.setLong(1, since);
            statement.setLong(2, upTo);
            SortedMap<Long, EventIdentity> found = new TreeMap<>();
            try (ResultSet rows = statement.executeQuery()) {
                while (rows.next()) {
                    found.put(rows.getLong(1), EventIdentity.of(rows, 2));
                }
            }
            return found;
        }
    }

    /** Returns the events of a selection. */
    public EventCursor open(Connection connection, Selection selection, EventFilter filter, long limit, int fetchSize)
            throws SQLException {
        String aggregateId = selection.aggregateId();
        String sql = aggregateId != null ? stream : selection.newestFirst() ? rangeNewestFirst : range;
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
     * Returns the first events in {@code (since, upTo]}, at most {@code limit}, and not many more characters than {@link
     * #PAGE_CHARACTERS}. A transaction must be open, for the cursor.
     */
    public Page page(Connection connection, long since, long upTo, EventFilter filter, int limit) throws SQLException {
        List<StoredEvent> events = new ArrayList<>();
        long characters = 0;
        try (EventCursor cursor =
                open(connection, Selection.range(since, upTo), filter, limit, Math.min(limit, PAGE_FETCH))) {
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
     * A page of the log.
     *
     * @param upTo version up to which the page holds all events
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

    /** Returns the name of the table. */
    @Override
    public String toString() {
        return statements.toString();
    }

    /**
     * What is read.
     *
     * @param aggregateId null for all aggregates
     * @param upTo the horizon. It is ignored for one aggregate, whose events are committed in the order of their stream versions
     */
    public record Selection(@Nullable String aggregateId, long since, long upTo, boolean newestFirst) {

        /** Selects events of all aggregates, oldest first. */
        static Selection range(long since, long upTo) {
            return new Selection(null, since, upTo, false);
        }
    }
}
