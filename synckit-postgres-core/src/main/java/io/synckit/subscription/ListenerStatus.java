package io.synckit.subscription;

import java.time.Duration;
import java.time.Instant;
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
}
