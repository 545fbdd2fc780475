package io.synckit.postgres;

import io.synckit.ConnectionSource;
import io.synckit.EventLimits;
import io.synckit.EventPage;
import io.synckit.Filter;
import io.synckit.InvalidVersionException;
import io.synckit.JsonCodec;
import io.synckit.StoredEvent;
import io.synckit.UnsupportedIsolationException;
import io.synckit.Version;
import io.synckit.postgres.internal.jdbc.Diagnostics;
import io.synckit.postgres.internal.jdbc.EventCursor;
import io.synckit.postgres.internal.jdbc.EventFilter;
import io.synckit.postgres.internal.jdbc.EventQueries;
import io.synckit.postgres.internal.jdbc.EventQueries.Selection;
import io.synckit.postgres.internal.jdbc.EventQueries.Sizes;
import io.synckit.postgres.internal.jdbc.Horizon;
import io.synckit.postgres.internal.jdbc.Session;
import io.synckit.postgres.internal.jdbc.SqlFailure;
import io.synckit.postgres.internal.jdbc.SqlFunction;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** Reads. Of the whole log: first the horizon, then the rows up to it, in a later statement. */
final class EventReader {

    private final ConnectionSource connections;
    private final EventQueries table;
    private final Diagnostics diagnostics;
    private final JsonCodec json;
    private final int batchSize;

    EventReader(
            ConnectionSource connections, EventQueries table, Diagnostics diagnostics, JsonCodec json, int batchSize) {
        this.connections = connections;
        this.table = table;
        this.diagnostics = diagnostics;
        this.json = json;
        this.batchSize = batchSize;
    }

    EventPage load(@Nullable String aggregateId, Version since, int limit, Filter[] filters) {
        EventFilter filter = EventFilter.of(filters, json);
        if (aggregateId != null && cannotBeStored(aggregateId)) {
            return new EventPage(List.of(), since, false);
        }
        return read("load from ", session -> {
            Selection selection = selection(session, aggregateId, since);
            EventPage page = page(session, selection, limit, filter);
            if (aggregateId != null && page.size() == 0) {
                requireInLog(session, since);
            }
            return page;
        });
    }

    private EventPage page(Session session, Selection selection, int limit, EventFilter filter) throws SQLException {
        List<StoredEvent> events = new ArrayList<>();
        // One more than asked for tells whether there is more. A predicate may refuse any number of rows: then a
        // cursor.
        long rows = filter.hasPredicates() ? Long.MAX_VALUE : limit + 1L;
        if (filter.hasPredicates()) {
            session.begin();
        }
        try (EventCursor cursor =
                table.open(session.connection(), selection, filter, rows, filter.hasPredicates() ? batchSize : 0)) {
            StoredEvent event;
            while (events.size() <= limit && (event = cursor.next()) != null) {
                if (filter.accepts(event)) {
                    events.add(event);
                }
            }
        }
        if (events.size() > limit) {
            events.remove(limit);
            return new EventPage(events, events.get(limit - 1).version(), true);
        }
        return new EventPage(events, end(selection, events), false);
    }

    /** Past everything that was looked at: the horizon, or the aggregate's last event. */
    private static Version end(Selection selection, List<StoredEvent> events) {
        long last = events.isEmpty()
                ? selection.since()
                : events.get(events.size() - 1).version().value();
        return Version.of(selection.aggregateId() == null ? Math.max(selection.since(), selection.upTo()) : last);
    }

    Stream<StoredEvent> stream(@Nullable String aggregateId, Version since, Filter[] filters) {
        EventFilter filter = EventFilter.of(filters, json);
        if (aggregateId != null && cannotBeStored(aggregateId)) {
            return Stream.empty();
        }
        Session session = null;
        try {
            session = Session.open(connections);
            Selection selection = selection(session, aggregateId, since);
            if (aggregateId != null) {
                requireInLog(session, since);
            }
            session.begin();
            EventCursor cursor = table.open(session.connection(), selection, filter, Long.MAX_VALUE, batchSize);
            return EventStream.over(session, cursor).filter(filter::accepts);
        } catch (SQLException e) {
            closeAfter(e, session);
            throw SqlFailure.named("stream from " + table, e);
        } catch (RuntimeException e) {
            closeAfter(e, session);
            throw e;
        }
    }

    private static void closeAfter(Exception failure, @Nullable Session session) {
        try {
            if (session != null) {
                session.close();
            }
        } catch (SQLException e) {
            failure.addSuppressed(e);
        }
    }

    /** PostgreSQL rejects such a key in a query too, so no event can have it. */
    private static boolean cannotBeStored(String key) {
        return EventLimits.unstorable(key) != null;
    }

    Optional<StoredEvent> find(String id) {
        if (cannotBeStored(id)) {
            return Optional.empty();
        }
        return read("find in ", session -> table.find(session.connection(), id));
    }

    Version latestVersion() {
        return read("latestVersion of ", session -> Version.of(horizon(session).stable()));
    }

    Sizes sizes() {
        return read("stats of ", session -> table.sizes(session.connection()));
    }

    StoreDiagnosis diagnose() {
        return read("diagnose of ", session -> {
            Diagnostics.Answer answer = diagnostics.ask(session.connection());
            answer.horizon().requirePrimary();
            return StoreDiagnosis.of(answer);
        });
    }

    /**
     * One aggregate needs no horizon: its next event is written only by one that sees the last, so what is visible has no gap,
     * and the caller sees its own.
     */
    private Selection selection(Session session, @Nullable String aggregateId, Version since) throws SQLException {
        if (aggregateId != null) {
            return new Selection(aggregateId, since.value(), Long.MAX_VALUE);
        }
        Horizon horizon = horizon(session);
        if (session.joined() && !horizon.readsOn()) {
            throw new UnsupportedIsolationException(horizon.isolation());
        }
        if (since.value() > horizon.head()) {
            throw InvalidVersionException.beyondEnd(since, Version.of(horizon.head()));
        }
        return new Selection(null, since.value(), horizon.stable());
    }

    /** For one aggregate, which is read without the horizon. A standby may lag behind the log in which the position was read. */
    private void requireInLog(Session session, Version since) throws SQLException {
        if (since.value() > 0) {
            OptionalLong head = table.headOfPrimary(session.connection());
            if (head.isPresent() && since.value() > head.getAsLong()) {
                throw InvalidVersionException.beyondEnd(since, Version.of(head.getAsLong()));
            }
        }
    }

    private Horizon horizon(Session session) throws SQLException {
        return table.horizon(session.connection()).requirePrimary();
    }

    private <R> R read(String operation, SqlFunction<Session, R> work) {
        try (Session session = Session.open(connections)) {
            return work.apply(session);
        } catch (SQLException e) {
            throw SqlFailure.named(operation + table, e);
        }
    }
}
