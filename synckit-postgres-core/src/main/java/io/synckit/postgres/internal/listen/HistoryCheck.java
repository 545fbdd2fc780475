package io.synckit.postgres.internal.listen;

import io.synckit.HistoryChangedException;
import io.synckit.StoredEvent;
import io.synckit.Version;
import io.synckit.postgres.internal.runtime.Watchdog;
import io.synckit.postgres.internal.sql.EventIdentity;
import io.synckit.postgres.internal.sql.EventQueries;
import io.synckit.postgres.internal.sql.Horizon;
import io.synckit.postgres.internal.sql.HorizonQueries.NewEvents;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Knows the event at the reader's position, and so notices that the log is another one: it was restored, has lost its last commits in a
 * fail-over, or was emptied. Guarded by the reader's lock.
 */
final class HistoryCheck {

    private final EventQueries queries;
    private final Watchdog watchdog;

    /** Null if there was no event at the position, because maintenance had deleted it. */
    private @Nullable EventIdentity atPosition;

    HistoryCheck(EventQueries queries, Watchdog watchdog) {
        this.queries = queries;
        this.watchdog = watchdog;
    }

    /** Starts at the event that is stored at this position. */
    void startAt(Connection connection, long position) throws SQLException {
        atPosition = identityAt(connection, position);
    }

    /** The reader has read up to this version. */
    void read(List<StoredEvent> events, long upTo) {
        StoredEvent last = events.isEmpty() ? null : events.get(events.size() - 1);
        atPosition = last != null && last.version().value() == upTo ? EventIdentity.of(last) : null;
    }

    /**
     * Returns whether the table was emptied and its versions are given out again. A missing event proves nothing here, because maintenance
     * may have deleted it.
     */
    boolean isAnotherLog(NewEvents answer, long position) {
        EventIdentity known = atPosition;
        EventIdentity found = answer.atVersion();
        return answer.horizon().head() < position || known != null && found != null && !known.equals(found);
    }

    /** Returns whether the event at the position is unchanged. After a reconnect, a missing event means another history. */
    boolean isUnchanged(Connection connection, long position) throws SQLException {
        return atPosition == null || atPosition.equals(identityAt(connection, position));
    }

    /**
     * Finds out how much of the log is unchanged, by the recent events. Two histories that have parted never meet again.
     *
     * @param position up to which the former log was read
     * @param now the horizon of the new log
     */
    HistoryChange change(Connection connection, RecentEvents recent, long position, Horizon now, Instant detectedAt)
            throws SQLException {
        int low = 0;
        int high = recent.size();
        while (low < high) {
            int middle = (low + high) >>> 1;
            if (isUnchanged(connection, recent.get(middle))) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        long safe = low == 0 ? 0 : recent.get(low - 1).version().value();
        long firstChanged = safe + 1;
        if (now.serverStart() != recent.serverStart() && low < recent.size()) {
            // The checkpoints were lost or restored together with the events, if they are before this one.
            firstChanged = recent.get(low).version().value();
        }
        startAt(connection, now.stable());
        HistoryChangedException failure =
                new HistoryChangedException(Version.of(position), Version.of(safe), detectedAt);
        return new HistoryChange(safe, firstChanged, now.stable(), now.serverStart(), failure);
    }

    private boolean isUnchanged(Connection connection, StoredEvent event) throws SQLException {
        return EventIdentity.of(event)
                .equals(identityAt(connection, event.version().value()));
    }

    private @Nullable EventIdentity identityAt(Connection connection, long version) throws SQLException {
        return watchdog.watch(connection, () -> queries.identityAt(connection, version));
    }
}
