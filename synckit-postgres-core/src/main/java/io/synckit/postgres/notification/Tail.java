package io.synckit.postgres.notification;

import io.synckit.Filter;
import io.synckit.HistoryChangedException;
import io.synckit.JsonCodec;
import io.synckit.StoredEvent;
import io.synckit.Version;
import io.synckit.postgres.internal.jdbc.EventFilter;
import io.synckit.postgres.internal.jdbc.EventQueries;
import io.synckit.postgres.internal.jdbc.EventQueries.TailPage;
import io.synckit.postgres.internal.jdbc.Horizon;
import io.synckit.postgres.internal.runtime.Watchdog;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The one reader of a process: reads new events once, up to the horizon, and publishes them to the subscriptions. As long as there are
 * none it reads nothing.
 */
final class Tail {

    private static final Logger log = LoggerFactory.getLogger(Tail.class);

    private final EventQueries queries;
    private final EventFilter everything;
    private final Watchdog watchdog;
    private final SubscriptionManager subscriptions;
    private final int pageSize;
    private final ReentrantLock lock = new ReentrantLock();
    private volatile long position;
    private @Nullable String idAtPosition;
    private boolean suspect;
    private int interested;
    private volatile boolean awake;

    Tail(EventQueries queries, JsonCodec json, Watchdog watchdog, SubscriptionManager subscriptions, int pageSize) {
        this.queries = queries;
        this.everything = EventFilter.of(new Filter[0], json);
        this.watchdog = watchdog;
        this.subscriptions = subscriptions;
        this.pageSize = pageSize;
    }

    /** The last version that was published. */
    long position() {
        return position;
    }

    /** Whether there is anybody to read for. */
    boolean isAwake() {
        return awake;
    }

    /** One more to read for; false if there was none, and {@link #retain(Connection)} must find out where to start. */
    boolean retain() {
        lock.lock();
        try {
            if (interested > 0) {
                interested++;
            }
            return interested > 0;
        } finally {
            lock.unlock();
        }
    }

    /** One more to read for; the first one wakes the tail, and it starts after what is decided now. */
    void retain(Connection connection) throws SQLException {
        lock.lock();
        try {
            if (interested == 0) {
                // From now on a bell is answered, once the lock is free.
                awake = true;
                startAfter(horizon(connection).stable(), connection);
            }
            interested++;
        } finally {
            awake = interested > 0;
            lock.unlock();
        }
    }

    private void startAfter(long version, Connection connection) throws SQLException {
        idAtPosition = watchdog.watch(connection, () -> queries.idAt(connection, version));
        position = version;
        suspect = false;
        subscriptions.startAfter(version);
    }

    /** One less to read for. */
    void release() {
        lock.lock();
        try {
            interested--;
            awake = interested > 0;
        } finally {
            lock.unlock();
        }
    }

    /** The connection was lost: before it goes on, it looks whether the log is still the one that it has read. */
    void suspect() {
        lock.lock();
        try {
            suspect = true;
        } finally {
            lock.unlock();
        }
    }

    /** Publishes what is decided and new. */
    Look look(Connection connection) throws SQLException {
        lock.lock();
        try {
            if (awake && suspect) {
                requireSameHistory(connection);
                suspect = false;
            }
            return awake ? read(connection) : asleep(connection);
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
        TailPage first = watchdog.watch(connection, () -> queries.tail(connection, since, pageSize));
        Horizon horizon = first.horizon().requirePrimary();
        // Under another default isolation both statements share a snapshot that is older than the horizon.
        long found = horizon.readsOn() ? publish(first.events(), horizon.stable()) : 0;
        while (position < horizon.stable()) {
            long next = position;
            found += publish(
                    watchdog.watch(
                            connection, () -> queries.page(connection, next, horizon.stable(), everything, pageSize)),
                    horizon.stable());
        }
        return new Look(horizon.moreMayFollow(), found);
    }

    /** @param page the first events after the position up to {@code stable}, whose event somebody may have deleted meanwhile */
    private long publish(List<StoredEvent> page, long stable) {
        StoredEvent last = page.isEmpty() ? null : page.get(page.size() - 1);
        long upTo = last != null && page.size() == pageSize ? last.version().value() : Math.max(position, stable);
        if (upTo > position) {
            subscriptions.publish(page, upTo);
            idAtPosition = last != null && last.version().value() == upTo ? last.id() : null;
            position = upTo;
        }
        return page.size();
    }

    Horizon horizon(Connection connection) throws SQLException {
        return watchdog.watch(connection, () -> queries.horizon(connection)).requirePrimary();
    }

    private void requireSameHistory(Connection connection) throws SQLException {
        if (idAtPosition == null || isStillThere(connection, position, idAtPosition)) {
            return;
        }
        long safe = lastThatIsStillThere(connection);
        HistoryChangedException failure = new HistoryChangedException(Version.of(position), Version.of(safe));
        log.error("tail.history-changed: {}", failure.getMessage());
        subscriptions.endBeyond(safe, failure);
        position = safe;
        idAtPosition = queries.idAt(connection, safe);
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
