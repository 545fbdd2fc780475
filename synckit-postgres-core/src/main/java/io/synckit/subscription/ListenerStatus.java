package io.synckit.subscription;

import io.synckit.Version;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The status of the listener.
 *
 * @param since time of the change to this state
 * @param attempts failed attempts to connect, in a row
 * @param lastNotification time of the last notification; null if there was none
 * @param roundTrip round-trip time of the last probe of the connection; null if there was none
 * @param backendPid process id of the server process; null while there is no connection
 * @param failure why there is no connection; null if there is one
 */
public record ListenerStatus(
        State state,
        Instant since,
        int attempts,
        @Nullable Instant lastNotification,
        @Nullable Duration roundTrip,
        @Nullable Integer backendPid,
        @Nullable RuntimeException failure) {

    /** States of the listener. In each but {@link #STOPPED}, subscriptions are served. */
    public enum State {

        /** Not started, or stopped. */
        STOPPED,

        /** Connecting for the first time; polling meanwhile. */
        CONNECTING,

        /** Connected. */
        LISTENING,

        /** Connecting again; polling meanwhile. */
        RECONNECTING,

        /** All attempts have failed; polling. After a successful poll the listener tries again, and stays in this state until it is connected. */
        FAILED,

        /** Polling, because no trigger notifies (for example with the notify mode OFF), or the URL for a connection is not known. */
        POLLING
    }

    /**
     * The counters of a listener since it was created.
     *
     * @param reconnects connections that were lost and replaced
     * @param notifications notifications that were received
     * @param polls reads without a notification
     * @param failedPolls polls that have failed
     */
    public record Counts(long reconnects, long notifications, long polls, long failedPolls) {}

    /**
     * How far the reader of this process has read.
     *
     * @param position the last version that was handed to the subscriptions
     * @param readAt the last time when everything was read that can be read; {@link Instant#EPOCH} if it was never
     */
    public record Reader(Version position, Instant readAt) {}

    /**
     * The result of the audit, which compares the published events with the table some time later.
     *
     * @param checkedUpTo the last version that was compared; null if none yet
     * @param checked events that were found in the table
     * @param lost events in the table that were not published. Any other value than 0 is an error of this library, or a program has stored
     *     events without the triggers of the table
     * @param firstLost the first lost events, at most ten
     * @param unchecked published events that could not be compared, because the history has changed, or the database did not answer for
     *     too long
     */
    public record Audit(
            @Nullable Version checkedUpTo, long checked, long lost, List<Version> firstLost, long unchecked) {
        public Audit {
            firstLost = List.copyOf(firstLost);
        }
    }
}
