package io.synckit.postgres.notification;

import io.synckit.Filter;
import io.synckit.HistoryChangedException;
import io.synckit.JsonCodec;
import io.synckit.StoredEvent;
import io.synckit.Version;
import io.synckit.postgres.internal.jdbc.EventFilter;
import io.synckit.postgres.internal.jdbc.EventQueries;
import io.synckit.postgres.internal.jdbc.EventQueries.Page;
import io.synckit.postgres.internal.jdbc.EventQueries.TailPage;
import io.synckit.postgres.internal.jdbc.Horizon;
import io.synckit.postgres.internal.runtime.Watchdog;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Instant;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The one reader of a process: reads new events once, up to the horizon, and publishes them to the subscriptions. As long as there are
 * none it reads nothing.
 */
final class Tail {

    /** Rows of the first page of a look, which comes with the horizon; what is more is read in pages that are bounded in size. */
    private static final int FIRST_PAGE = 128;

    private static final Logger log = LoggerFactory.getLogger(Tail.class);

    private final EventQueries queries;
    private final EventFilter everything;
    private final Watchdog watchdog;
    private final SubscriptionManager subscriptions;
    private final @Nullable Auditor auditor;
    private final int pageSize;
    private final ReentrantLock lock = new ReentrantLock();
    private volatile long position;
    private @Nullable String idAtPosition;
    private final AtomicInteger interested = new AtomicInteger();
    private volatile boolean suspect;
    private volatile boolean waking;
    private volatile Instant readAt = Instant.EPOCH;
    private volatile @Nullable HistoryChange historyChange;

    Tail(
            EventQueries queries,
            JsonCodec json,
            Watchdog watchdog,
            SubscriptionManager subscriptions,
            @Nullable Auditor auditor,
            int pageSize) {
        this.queries = queries;
        this.everything = EventFilter.of(new Filter[0], json);
        this.watchdog = watchdog;
        this.subscriptions = subscriptions;
        this.auditor = auditor;
        this.pageSize = pageSize;
    }

    /** The last version that was published. */
    long position() {
        return position;
    }

    /** When it had published all that could be. */
    Instant readAt() {
        return readAt;
    }

    /** The last change of the history that it has found; null if there was none. */
    @Nullable HistoryChange historyChange() {
        return historyChange;
    }

    /** An operator has started the listener again, and knows. */
    void forgetHistoryChange() {
        historyChange = null;
    }

    /** Whether there is a subscription to read for. */
    boolean isAwake() {
        return interested.get() > 0 || waking;
    }

    /** One more to read for; false if there was none, and {@link #retain(Connection)} must find out where to start. */
    boolean retain() {
        return interested.getAndUpdate(count -> count > 0 ? count + 1 : 0) > 0;
    }

    /** One more to read for; the first one wakes the tail, and it starts after what is decided now. */
    void retain(Connection connection) throws SQLException {
        lock.lock();
        try {
            if (retain()) {
                return;
            }
            // From now on a bell is answered, once the lock is free.
            waking = true;
            startAfter(horizon(connection).stable(), connection);
            interested.incrementAndGet();
        } finally {
            waking = false;
            lock.unlock();
        }
    }

    private void startAfter(long version, Connection connection) throws SQLException {
        idAtPosition = watchdog.watch(connection, () -> queries.idAt(connection, version));
        position = version;
        suspect = false;
        readAt = Instant.now();
        if (auditor != null) {
            auditor.goOn(version);
        }
        subscriptions.startAfter(version);
    }

    /** Compares what was handed on some time ago, unless the log may be another one: then it first looks at that. */
    void audit(Auditor due, Connection connection) throws SQLException {
        if (!suspect) {
            due.check(connection, watchdog, this::isSameLog);
        }
    }

    private boolean isSameLog(Connection connection) throws SQLException {
        lock.lock();
        try {
            return !suspect && (idAtPosition == null || isStillThere(connection, position, idAtPosition));
        } finally {
            lock.unlock();
        }
    }

    /** One less to read for. */
    void release() {
        interested.decrementAndGet();
    }

    /** The connection was lost, or is another: before it goes on, it looks whether the log is still the one that it has read. */
    void suspect() {
        suspect = true;
    }

    /** Publishes what is decided and new. */
    Look look(Connection connection) throws SQLException {
        lock.lock();
        try {
            if (interested.get() == 0) {
                return asleep(connection);
            }
            if (suspect) {
                suspect = false;
                try {
                    requireSameHistory(connection);
                } catch (SQLException | RuntimeException e) {
                    suspect = true;
                    throw e;
                }
            }
            return read(connection);
        } finally {
            lock.unlock();
        }
    }

    /** As {@link #look}, when nobody has rung: most often there is nothing, and half of the question tells. */
    Look poll(Connection connection) throws SQLException {
        lock.lock();
        try {
            if (interested.get() > 0 && !suspect) {
                long since = position;
                TailPage answer = watchdog.watch(connection, () -> queries.horizonAndId(connection, since));
                Horizon horizon = answer.horizon().requirePrimary();
                if (isAnotherLog(answer)) {
                    return changeHistory(connection);
                }
                if (horizon.stable() <= position && !horizon.moreMayFollow()) {
                    readAt = Instant.now();
                    return new Look(false, 0);
                }
            }
            return look(connection);
        } finally {
            lock.unlock();
        }
    }

    /** The same question, so that who polls knows whether the database answers. */
    private Look asleep(Connection connection) throws SQLException {
        horizon(connection);
        return new Look(false, 0);
    }

    private Look read(Connection connection) throws SQLException {
        long since = position;
        int limit = Math.min(pageSize, FIRST_PAGE);
        TailPage first = watchdog.watch(connection, () -> queries.tail(connection, since, limit));
        Horizon horizon = first.horizon().requirePrimary();
        if (isAnotherLog(first)) {
            return changeHistory(connection);
        }
        long stable = horizon.stable();
        long found = 0;
        // Under another default isolation both statements share a snapshot that is older than the horizon.
        if (horizon.readsOn() && stable > position) {
            List<StoredEvent> events = first.events();
            boolean all = events.size() < limit;
            found = publish(new Page(events, all ? stable : last(events)), !all);
        }
        while (position < stable) {
            found += publish(page(connection, stable), true);
        }
        readAt = Instant.now();
        return new Look(horizon.moreMayFollow(), found);
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

    /** Somebody may have deleted the last events, for maintenance: then the position is that of none. */
    private long publish(Page page, boolean backlog) {
        List<StoredEvent> events = page.events();
        subscriptions.publish(events, page.upTo(), backlog);
        boolean isLast = !events.isEmpty() && last(events) == page.upTo();
        idAtPosition = isLast ? events.get(events.size() - 1).id() : null;
        position = page.upTo();
        if (auditor != null) {
            auditor.delivered(events, page.upTo());
        }
        return events.size();
    }

    private static long last(List<StoredEvent> events) {
        return events.get(events.size() - 1).version().value();
    }

    Horizon horizon(Connection connection) throws SQLException {
        return watchdog.watch(connection, () -> queries.horizon(connection)).requirePrimary();
    }

    /**
     * Returns whether the table was emptied and its versions are given out again. A missing event is no proof, because maintenance may
     * have deleted it.
     */
    private boolean isAnotherLog(TailPage answer) {
        String known = idAtPosition;
        String found = answer.idAtVersion();
        return answer.horizon().head() < position || known != null && found != null && !known.equals(found);
    }

    /** After a reconnect, perhaps to another server, a missing event means another history. */
    private void requireSameHistory(Connection connection) throws SQLException {
        if (idAtPosition != null && !isStillThere(connection, position, idAtPosition)) {
            changeHistory(connection);
        }
    }

    private Look changeHistory(Connection connection) throws SQLException {
        long safe = lastThatIsStillThere(connection);
        HistoryChangedException failure = new HistoryChangedException(Version.of(position), Version.of(safe));
        historyChange = new HistoryChange(Instant.now(), failure);
        log.error("tail.history-changed: {}", failure.getMessage());
        long stable = horizon(connection).stable();
        String idAtStable = watchdog.watch(connection, () -> queries.idAt(connection, stable));
        subscriptions.historyChanged(safe, stable, failure);
        position = stable;
        if (auditor != null) {
            auditor.beginAnew(stable);
        }
        idAtPosition = idAtStable;
        return new Look(true, 0);
    }

    /** Histories that part never meet again, so the events that are the same come first. Nothing known: from the start. */
    private long lastThatIsStillThere(Connection connection) throws SQLException {
        RecentEvents recent = subscriptions.recent();
        int low = 0;
        int high = recent.size();
        while (low < high) {
            int middle = (low + high) >>> 1;
            StoredEvent event = recent.get(middle);
            if (isStillThere(connection, event.version().value(), event.id())) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        return low == 0 ? 0 : recent.get(low - 1).version().value();
    }

    private boolean isStillThere(Connection connection, long version, String id) throws SQLException {
        return Objects.equals(watchdog.watch(connection, () -> queries.idAt(connection, version)), id);
    }

    /**
     * What a look has brought.
     *
     * @param more whether more may follow without another bell
     * @param found how many events were read
     */
    record Look(boolean more, long found) {}
}
