package io.synckit.postgres.internal.listen;

import io.synckit.Filter;
import io.synckit.HistoryChangedException;
import io.synckit.JsonCodec;
import io.synckit.StoredEvent;
import io.synckit.Version;
import io.synckit.postgres.internal.runtime.Clock;
import io.synckit.postgres.internal.runtime.Watchdog;
import io.synckit.postgres.internal.sql.EventFilter;
import io.synckit.postgres.internal.sql.EventQueries;
import io.synckit.postgres.internal.sql.EventQueries.Page;
import io.synckit.postgres.internal.sql.Horizon;
import io.synckit.postgres.internal.sql.HorizonQueries;
import io.synckit.postgres.internal.sql.HorizonQueries.NewEvents;
import io.synckit.subscription.ListenerStatus;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The one reader of a process. Reads new events once, up to the horizon, and publishes them to the live subscriptions. While there are no
 * subscriptions it reads nothing. Thread-safe: one thread reads at a time.
 */
public final class LogReader {

    /** Rows that are read together with the horizon. More events are read in pages that are bounded in size. */
    private static final int FIRST_PAGE = 128;

    private static final Logger log = LoggerFactory.getLogger(LogReader.class);

    private final EventQueries queries;
    private final HorizonQueries horizons;
    private final EventFilter everything;
    private final Watchdog watchdog;
    private final LiveFeed feed;
    private final HistoryCheck history;
    private final @Nullable Auditor auditor;
    private final int pageSize;
    private final Clock clock;
    private final ReentrantLock lock = new ReentrantLock();
    private final AtomicInteger subscriptions = new AtomicInteger();
    private volatile long position;
    private volatile boolean unverified;
    private volatile boolean starting;
    private volatile Instant readAt = Instant.EPOCH;
    private long serverStart;
    private volatile @Nullable HistoryChangedException historyChange;

    public LogReader(
            EventQueries queries,
            HorizonQueries horizons,
            JsonCodec json,
            Watchdog watchdog,
            LiveFeed feed,
            @Nullable Auditor auditor,
            int pageSize,
            Clock clock) {
        this.queries = queries;
        this.horizons = horizons;
        this.everything = EventFilter.of(new Filter[0], json);
        this.watchdog = watchdog;
        this.feed = feed;
        this.history = new HistoryCheck(queries, watchdog);
        this.auditor = auditor;
        this.pageSize = pageSize;
        this.clock = clock;
    }

    /** Returns the last version that was published. */
    public long position() {
        return position;
    }

    /** Returns how far it has read; empty while there are no subscriptions. */
    public Optional<ListenerStatus.Reader> status() {
        return isActive() ? Optional.of(new ListenerStatus.Reader(Version.of(position), readAt)) : Optional.empty();
    }

    /** Returns the last change of the history that it has found; null if there was none. */
    public @Nullable HistoryChangedException historyChange() {
        return historyChange;
    }

    /** Forgets the last change of the history, after an operator has started the listener again. */
    public void forgetHistoryChange() {
        historyChange = null;
    }

    /** Returns whether there is a subscription to read for. */
    boolean isActive() {
        return subscriptions.get() > 0 || starting;
    }

    /** Adds a subscription. Returns false if it is the first one: then {@link #addFirst} must find the position to start from. */
    public boolean add() {
        return subscriptions.getAndUpdate(count -> count > 0 ? count + 1 : 0) > 0;
    }

    /** Adds a subscription. The first one starts the reader after the current horizon. */
    public void addFirst(Connection connection) throws SQLException {
        lock.lock();
        try {
            if (add()) {
                return;
            }
            // From now on a notification leads to a read, as soon as the lock is free.
            starting = true;
            startAfter(horizon(connection), connection);
            subscriptions.incrementAndGet();
        } finally {
            starting = false;
            lock.unlock();
        }
    }

    private void startAfter(Horizon horizon, Connection connection) throws SQLException {
        long version = horizon.stable();
        history.startAt(connection, version);
        position = version;
        unverified = false;
        readAt = clock.now();
        if (auditor != null) {
            auditor.startAfter(version);
        }
        serverStart = horizon.serverStart();
        feed.startAfter(version, serverStart);
    }

    /** Removes a subscription. */
    public void remove() {
        subscriptions.decrementAndGet();
    }

    /** The connection was lost, or is another one. The next read first verifies that the log is unchanged. */
    public void verifyNext() {
        unverified = true;
    }

    /** Compares what was published some time ago with the table, unless the log may be another one. */
    void audit(Auditor due, Connection connection) throws SQLException {
        if (!unverified) {
            due.check(connection, watchdog, this::isSameLog);
        }
    }

    private boolean isSameLog(Connection connection) throws SQLException {
        lock.lock();
        try {
            return !unverified && history.isUnchanged(connection, position);
        } finally {
            lock.unlock();
        }
    }

    /** Publishes what is new and settled. */
    ReadResult read(Connection connection) throws SQLException {
        lock.lock();
        try {
            if (subscriptions.get() == 0) {
                horizon(connection); // so that a poll finds out whether the database answers
                return new ReadResult(false, 0);
            }
            if (unverified) {
                unverified = false;
                try {
                    if (!history.isUnchanged(connection, position)) {
                        return changeHistory(connection);
                    }
                } catch (SQLException | RuntimeException e) {
                    unverified = true;
                    throw e;
                }
            }
            return readNew(connection);
        } finally {
            lock.unlock();
        }
    }

    /** Reads without a notification. Usually nothing is new, and the first half of the query is enough. */
    ReadResult poll(Connection connection) throws SQLException {
        lock.lock();
        try {
            if (subscriptions.get() > 0 && !unverified) {
                long since = position;
                NewEvents answer = watchdog.watch(connection, () -> horizons.horizonAndId(connection, since));
                Horizon horizon = answer.horizon().requirePrimary();
                if (history.isAnotherLog(answer, position)) {
                    return changeHistory(connection);
                }
                if (horizon.serverStart() == serverStart && horizon.stable() <= position && !horizon.moreMayFollow()) {
                    readAt = clock.now();
                    return new ReadResult(false, 0);
                }
            }
            return read(connection);
        } finally {
            lock.unlock();
        }
    }

    private ReadResult readNew(Connection connection) throws SQLException {
        long since = position;
        int limit = Math.min(pageSize, FIRST_PAGE);
        NewEvents first = watchdog.watch(connection, () -> horizons.newEvents(connection, since, limit));
        Horizon horizon = first.horizon().requirePrimary();
        if (history.isAnotherLog(first, position)) {
            return changeHistory(connection);
        }
        if (horizon.serverStart() != serverStart) {
            return changeServer(horizon, connection);
        }
        long stable = horizon.stable();
        long found = 0;
        while (position < stable) {
            // Under another default isolation both statements share a snapshot that is older than the horizon.
            boolean isFirst = position == since && horizon.readsOn();
            Page page = isFirst ? firstPage(first.events(), limit, stable) : page(connection, stable);
            if (!HistoryCheck.isComplete(page.events(), page.upTo(), stable)) {
                return new ReadResult(true, found);
            }
            found += publish(page, !isFirst || page.upTo() < stable);
        }
        readAt = clock.now();
        return new ReadResult(horizon.moreMayFollow(), found);
    }

    /**
     * Continues on another server if the log is unchanged there, and the horizon has reached the position. A promoted standby may lack the
     * last events. It may also lack the end of a prepared transaction, which holds back its horizon until the transaction is ended again.
     */
    private ReadResult changeServer(Horizon horizon, Connection connection) throws SQLException {
        if (!history.isUnchanged(connection, position)) {
            return changeHistory(connection);
        }
        if (horizon.stable() >= position) {
            log.info(
                    "reader.server-changed: the server was restarted or replaced. The log is unchanged up to version {}",
                    position);
            serverStart = horizon.serverStart();
            feed.serverChanged(serverStart);
        }
        return new ReadResult(true, 0);
    }

    private Page page(Connection connection, long stable) throws SQLException {
        long since = position;
        connection.setAutoCommit(false);
        try {
            return watchdog.watch(connection, () -> queries.page(connection, since, stable, everything, pageSize));
        } finally {
            connection.setAutoCommit(true);
        }
    }

    private static Page firstPage(List<StoredEvent> events, int limit, long stable) {
        boolean all = events.size() < limit;
        return new Page(
                events, all ? stable : events.get(events.size() - 1).version().value());
    }

    private long publish(Page page, boolean backlog) {
        List<StoredEvent> events = page.events();
        feed.publish(events, page.upTo(), backlog);
        history.read(events, page.upTo());
        position = page.upTo();
        if (auditor != null) {
            auditor.delivered(events, page.upTo());
        }
        return events.size();
    }

    /** Returns the horizon. Rejects a standby. */
    public Horizon horizon(Connection connection) throws SQLException {
        return watchdog.watch(connection, () -> horizons.horizon(connection)).requirePrimary();
    }

    private ReadResult changeHistory(Connection connection) throws SQLException {
        HistoryChange change = history.change(connection, feed.recent(), position, horizon(connection), clock.now());
        history.startAt(connection, change.upTo());
        historyChange = change.failure();
        log.error("reader.history-changed: {}", change.failure().getMessage());
        serverStart = change.serverStart();
        feed.historyChanged(change);
        position = change.upTo();
        if (auditor != null) {
            auditor.restartAfter(position);
        }
        return new ReadResult(true, 0);
    }
}
