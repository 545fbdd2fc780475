package io.synckit.postgres.internal.sql;

import io.synckit.Filter;
import io.synckit.JsonCodec;
import io.synckit.StoredEvent;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;
import org.postgresql.PGConnection;
import org.postgresql.jdbc.PreferQueryMode;

/** The queries of the horizon, which the function {@code <table>_horizon} in {@code R__functions.sql} computes. */
public final class HorizonQueries {

    private static final String HORIZON =
            "select stable, settled, head, doorbell_held, isolation, standby, <server start> from <horizon>()";

    /** With the identity of the event at a version, by which a reader notices that the log is another one. */
    private static final String HORIZON_AND_ID = """
            select h.stable, h.settled, h.head, h.doorbell_held, h.isolation, h.standby, <server start>,
                   e.id, e.created_at
              from <horizon>() h left join <table> e on e.version = ?
            """;

    private static final String HEAD_OF_PRIMARY = """
            select s.last_value - (not s.is_called)::integer from <sequence> s where not pg_is_in_recovery()
            """;

    /**
     * Two statements in one round trip. The second one has a later snapshot, unless the isolation level is above READ COMMITTED. It also reads
     * the event at the version itself: in an earlier snapshot, the event of another log could still be missing.
     */
    private static final String NEW_EVENTS = HORIZON + "; select " + EventQueries.COLUMNS
            + " from <table> where version >= ? and version <= current_setting('synckit.stable')::bigint order by version limit ?";

    private final EventQueries events;
    private final JsonCodec json;
    private final Statements statements;
    private final String horizon;
    private final String horizonAndId;
    private final String headOfPrimary;
    private final String newEvents;

    /** @param preparedStatements whether the driver may keep server-side prepared statements */
    public HorizonQueries(TableName name, EventQueries events, JsonCodec json, boolean preparedStatements) {
        this.events = events;
        this.json = json;
        this.statements = new Statements(name, preparedStatements);
        this.horizon = statements.named(HORIZON);
        this.horizonAndId = statements.named(HORIZON_AND_ID);
        this.headOfPrimary = statements.named(HEAD_OF_PRIMARY);
        this.newEvents = statements.named(NEW_EVENTS);
    }

    /** Returns the horizon. The events must be read in a later statement. */
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
                rows.getBoolean(6),
                rows.getLong(7));
    }

    /** Returns the highest version given out; empty on a standby. */
    public OptionalLong headOfPrimary(Connection connection) throws SQLException {
        try (PreparedStatement statement = statements.prepare(connection, headOfPrimary);
                ResultSet rows = statement.executeQuery()) {
            return rows.next() ? OptionalLong.of(rows.getLong(1)) : OptionalLong.empty();
        }
    }

    /** Returns the horizon and the event at a version, without later events. */
    public NewEvents horizonAndId(Connection connection, long version) throws SQLException {
        try (PreparedStatement statement = statements.prepare(connection, horizonAndId)) {
            statement.setLong(1, version);
            try (ResultSet rows = statement.executeQuery()) {
                return new NewEvents(horizon(rows), EventIdentity.of(rows, 8), List.of());
            }
        }
    }

    /**
     * Returns the horizon, the event at a version, and the first events after that version up to the horizon. To be called
     * outside a transaction.
     */
    public NewEvents newEvents(Connection connection, long since, int limit) throws SQLException {
        if (!supportsTwoStatements(connection.unwrap(PGConnection.class))) {
            return newEventsInTwoSteps(connection, since, limit);
        }
        try (PreparedStatement statement = statements.prepare(connection, newEvents)) {
            statement.setLong(1, since);
            statement.setInt(2, limit + 1);
            statement.execute();
            Horizon horizon;
            try (ResultSet rows = statement.getResultSet()) {
                horizon = horizon(rows);
            }
            List<StoredEvent> found = new ArrayList<>();
            statement.getMoreResults();
            try (ResultSet rows = statement.getResultSet()) {
                while (rows.next()) {
                    found.add(events.event(rows));
                }
            }
            return NewEvents.of(horizon, since, found, limit);
        }
    }

    /**
     * In simple query mode the driver sends each statement as a transaction of its own, so the second one cannot see a local setting. With
     * a negative prepare threshold (forced binary transfer) it describes both statements by the columns of the second one.
     */
    private static boolean supportsTwoStatements(PGConnection connection) {
        return connection.getPreferQueryMode() != PreferQueryMode.SIMPLE && connection.getPrepareThreshold() >= 0;
    }

    private NewEvents newEventsInTwoSteps(Connection connection, long since, int limit) throws SQLException {
        Horizon horizon = horizon(connection);
        List<StoredEvent> found = new ArrayList<>();
        EventQueries.Selection selection = EventQueries.Selection.range(since - 1, horizon.stable());
        try (EventCursor cursor =
                events.open(connection, selection, EventFilter.of(new Filter[0], json), limit + 1, 0)) {
            StoredEvent event;
            while ((event = cursor.next()) != null) {
                found.add(event);
            }
        }
        return NewEvents.of(horizon, since, found, limit);
    }

    /**
     * The result of a read at the end of the log.
     *
     * @param atVersion the event at the given version; null if there is none
     * @param events the first events after the given version, up to the horizon
     */
    public record NewEvents(Horizon horizon, @Nullable EventIdentity atVersion, List<StoredEvent> events) {

        /** @param from the first events from a version on, at most one more than {@code limit} */
        private static NewEvents of(Horizon horizon, long version, List<StoredEvent> from, int limit) {
            boolean startsAt = !from.isEmpty() && from.get(0).version().value() == version;
            List<StoredEvent> events =
                    startsAt ? from.subList(1, from.size()) : from.subList(0, Math.min(limit, from.size()));
            return new NewEvents(horizon, startsAt ? EventIdentity.of(from.get(0)) : null, List.copyOf(events));
        }
    }
}
