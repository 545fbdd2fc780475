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
import java.util.SortedMap;
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

    /**
     * Returns false if the last event up to the horizon is gone: the log has changed since the horizon was read, or the event was deleted. The
     * next read finds out.
     */
    static boolean isComplete(List<StoredEvent> events, long upTo, long stable) {
        return upTo < stable
                || !events.isEmpty() && events.get(events.size() - 1).version().value() == stable;
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
     * Returns which part of the log was replaced, by comparing the recent events with it.
     *
     * @param position up to which the former log was read
     * @param now the horizon of the new log
     */
    HistoryChange change(Connection connection, RecentEvents recent, long position, Horizon now, Instant detectedAt)
            throws SQLException {
        long since = recent.size() == 0 ? position - 1 : recent.get(0).version().value() - 1;
        SortedMap<Long, EventIdentity> found =
                watchdog.watch(connection, () -> queries.identities(connection, since, position));
        long safe = 0;
        boolean unchanged = true;
        for (int i = 0; i < recent.size(); i++) {
            StoredEvent event = recent.get(i);
            long version = event.version().value();
            unchanged &= EventIdentity.of(event).equals(found.get(version));
            safe = unchanged ? version : safe;
            found.remove(version, EventIdentity.of(event));
        }
        HistoryChangedException failure =
                new HistoryChangedException(Version.of(position), Version.of(safe), detectedAt);
        long replaced = found.isEmpty() ? Long.MAX_VALUE : found.firstKey();
        long nextVersion = now.head() < position ? now.head() + 1 : Long.MAX_VALUE;
        return new HistoryChange(
                safe, Math.min(replaced, nextVersion), now.stable(), recent.serverStart(), now.serverStart(), failure);
    }

    private @Nullable EventIdentity identityAt(Connection connection, long version) throws SQLException {
        return watchdog.watch(connection, () -> queries.identityAt(connection, version));
    }
}
