package io.synckit.postgres.notification;

import java.time.Duration;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * What the listener is doing.
 *
 * @param since when it got into this state
 * @param attempts failed attempts to connect, in a row
 * @param lastBell when the bell rang last
 * @param roundTrip of the last probe of the connection
 * @param backendPid of the server's process; null when not connected
 * @param failure why it is not connected
 */
public record ListenerStatus(
        State state,
        Instant since,
        int attempts,
        @Nullable Instant lastBell,
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

        /** Given up after the last attempt; polling. Polls that succeed make it try again, and it stays so until it listens. */
        FAILED,

        /** Polling, because the notify mode is OFF. */
        POLLING
    }
}
