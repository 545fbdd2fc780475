package io.synckit.postgres.internal.read;

import io.synckit.ConnectionSource;
import io.synckit.EventPage;
import io.synckit.EventQuery;
import io.synckit.Filter;
import io.synckit.InvalidVersionException;
import io.synckit.JsonCodec;
import io.synckit.StoredEvent;
import io.synckit.UnusableTransactionException;
import io.synckit.Version;
import io.synckit.internal.Texts;
import io.synckit.postgres.internal.sql.Diagnostics;
import io.synckit.postgres.internal.sql.EventCursor;
import io.synckit.postgres.internal.sql.EventFilter;
import io.synckit.postgres.internal.sql.EventQueries;
import io.synckit.postgres.internal.sql.EventQueries.Selection;
import io.synckit.postgres.internal.sql.Horizon;
import io.synckit.postgres.internal.sql.HorizonQueries;
import io.synckit.postgres.internal.sql.Session;
import io.synckit.postgres.internal.sql.SqlFailure;
import io.synckit.postgres.internal.sql.SqlFunction;
import io.synckit.postgres.internal.sql.TableName;
import io.synckit.postgres.internal.sql.TableSizes;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** Reads pages and streams. A read of the whole log first reads the horizon, then the rows up to it, in a later statement. Thread-safe. */
public final class EventReader {

    private final ConnectionSource connections;
    private final TableName name;
    private final EventQueries table;
    private final HorizonQueries horizons;
    private final Diagnostics diagnostics;
    private final JsonCodec json;
    private final int batchSize;

    /**
     * @param preparedStatements whether the driver may keep server-side prepared statements
     * @param batchSize rows that the driver fetches at once from a cursor
     */
    public EventReader(
            ConnectionSource connections, TableName name, JsonCodec json, boolean preparedStatements, int batchSize) {
        this.connections = connections;
        this.name = name;
        this.table = new EventQueries(name, json, preparedStatements);
        this.horizons = new HorizonQueries(name, table, json, preparedStatements);
        this.diagnostics = new Diagnostics(name);
        this.json = json;
        this.batchSize = batchSize;
    }

    /** Returns a page of the whole log, or of one aggregate. */
    public EventPage load(@Nullable String aggregateId, Version since, int limit, Filter[] filters) {
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

    /**
     * Returns a page of the whole log.
     *
     * @param defaultLimit the limit of a query without one
     */
    public EventPage query(EventQuery query, int defaultLimit) {
        EventFilter filter = EventFilter.of(query.filters().toArray(Filter[]::new), json);
        return read("query of ", session -> {
            Selection all = selection(session, null, query.after());
            long upTo = query.before().map(before -> before.value() - 1).orElse(all.upTo());
            Selection selection = new Selection(null, all.since(), Math.min(upTo, all.upTo()), query.isNewestFirst());
            return page(session, selection, query.limit().orElse(defaultLimit), filter);
        });
    }

    private EventPage page(Session session, Selection selection, int limit, EventFilter filter) throws SQLException {
        List<StoredEvent> events = new ArrayList<>();
        // One event more than requested shows whether there are more. With a predicate, which may reject any number of
        // rows, a cursor
        // reads.
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

    /** Returns the position after the page: the horizon, or the last event of the aggregate. */
    private static Version end(Selection selection, List<StoredEvent> events) {
        if (selection.newestFirst()) {
            return Version.of(selection.since() + 1);
        }
        long last = events.isEmpty()
                ? selection.since()
                : events.get(events.size() - 1).version().value();
        return Version.of(selection.aggregateId() == null ? Math.max(selection.since(), selection.upTo()) : last);
    }

    /** Returns a stream of the whole log, or of one aggregate. */
    public Stream<StoredEvent> stream(@Nullable String aggregateId, Version since, Filter[] filters) {
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

    /** PostgreSQL rejects such a key in a query as well, so no event can have it. */
    private static boolean cannotBeStored(String key) {
        return Texts.unstorable(key) != null;
    }

    /** Returns the event with this id. */
    public Optional<StoredEvent> find(String id) {
        if (cannotBeStored(id)) {
            return Optional.empty();
        }
        return read("find in ", session -> table.find(session.connection(), id));
    }

    /** Returns the horizon. */
    public Version latestVersion() {
        return read("latestVersion of ", session -> Version.of(horizon(session).stable()));
    }

    /** Returns the size of the table. */
    public TableSizes sizes() {
        return read("stats of ", session -> TableSizes.of(session.connection(), name));
    }

    /** Returns a diagnosis. */
    public Diagnostics.Answer diagnose() {
        return read("diagnose of ", session -> {
            Diagnostics.Answer answer = diagnostics.ask(session.connection());
            answer.horizon().requirePrimary();
            return answer;
        });
    }

    /**
     * One aggregate needs no horizon. Its next event is stored only by a transaction that sees the last one, so the visible events have no
     * gap. The caller also sees its own uncommitted events.
     */
    private Selection selection(Session session, @Nullable String aggregateId, Version since) throws SQLException {
        if (aggregateId != null) {
            return new Selection(aggregateId, since.value(), Long.MAX_VALUE, false);
        }
        Horizon horizon = horizon(session);
        if (session.joined() && !horizon.readsOn()) {
            throw new UnusableTransactionException(
                    "reading the log in a transaction with isolation '" + horizon.isolation()
                            + "' could skip events, because its snapshot is older than the horizon; use READ COMMITTED, or read"
                            + " outside the transaction");
        }
        if (since.value() > horizon.head()) {
            throw InvalidVersionException.beyondEnd(since, Version.of(horizon.head()));
        }
        return new Selection(null, since.value(), horizon.stable(), false);
    }

    /** Checks the position of a read of one aggregate, which does not read the horizon. A standby may lag behind the position. */
    private void requireInLog(Session session, Version since) throws SQLException {
        if (since.value() > 0) {
            OptionalLong head = horizons.headOfPrimary(session.connection());
            if (head.isPresent() && since.value() > head.getAsLong()) {
                throw InvalidVersionException.beyondEnd(since, Version.of(head.getAsLong()));
            }
        }
    }

    private Horizon horizon(Session session) throws SQLException {
        return horizons.horizon(session.connection()).requirePrimary();
    }

    private <R> R read(String operation, SqlFunction<Session, R> work) {
        try (Session session = Session.open(connections)) {
            return work.apply(session);
        } catch (SQLException e) {
            throw SqlFailure.named(operation + table, e);
        }
    }
}
