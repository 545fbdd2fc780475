package io.synckit.postgres.internal.live;

import io.synckit.ConnectionSource;
import io.synckit.postgres.internal.runtime.Watchdog;
import io.synckit.postgres.internal.sql.EventFilter;
import io.synckit.postgres.internal.sql.EventQueries;
import io.synckit.postgres.internal.sql.ServerStart;
import io.synckit.postgres.internal.sql.Session;
import io.synckit.postgres.internal.sql.SqlFailure;
import io.synckit.postgres.internal.sql.SqlFunction;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.Optional;
import java.util.concurrent.Semaphore;

/** Reads from the table for subscriptions that lag, through the pool. At most two reads run at a time, so that the pool is not exhausted. */
public final class PageReader {

    private static final int MAX_READS = 2;

    private final String table;
    private final ConnectionSource pool;
    private final EventQueries queries;
    private final Watchdog watchdog;
    private final int size;
    private final Semaphore reads = new Semaphore(MAX_READS, true);

    /** @param size the maximum number of events in a page */
    public PageReader(String table, ConnectionSource pool, EventQueries queries, Watchdog watchdog, int size) {
        this.table = table;
        this.pool = pool;
        this.queries = queries;
        this.watchdog = watchdog;
        this.size = size;
    }

    public int size() {
        return size;
    }

    /** Returns events in {@code (since, upTo]}. The caller has made sure that everything up to there is settled. */
    public EventQueries.Page read(long since, long upTo, EventFilter filter, int limit) {
        return inTransaction(connection -> queries.page(connection, since, upTo, filter, limit));
    }

    /**
     * Returns events in {@code (since, upTo]}; empty if the connection is to another server than the one with this start. The caller has made
     * sure that everything up to there is settled.
     */
    public Optional<EventQueries.Page> readFrom(
            long serverStart, long since, long upTo, EventFilter filter, int limit) {
        return inTransaction(connection -> ServerStart.of(connection) == serverStart
                ? Optional.of(queries.page(connection, since, upTo, filter, limit))
                : Optional.empty());
    }

    private <R> R inTransaction(SqlFunction<Connection, R> work) {
        reads.acquireUninterruptibly();
        try {
            return query(session -> {
                session.begin();
                Connection connection = session.connection();
                return watchdog.watch(connection, () -> work.apply(connection));
            });
        } finally {
            reads.release();
        }
    }

    <R> R query(SqlFunction<Session, R> query) {
        try (Session session = Session.open(pool)) {
            return query.apply(session);
        } catch (SQLException e) {
            throw SqlFailure.named("subscription to " + table, e);
        }
    }
}
