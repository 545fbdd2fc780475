package io.synckit.postgres.internal.listen;

import io.synckit.postgres.schema.NotifyMode;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * The settings of a listener.
 *
 * @param maxSilence the longest time between two queries of the connection
 */
public record ListenerSettings(
        String table,
        Duration notificationTimeout,
        Duration reconnectInterval,
        int maxReconnectAttempts,
        Duration maxSilence,
        @Nullable NotifyMode mode) {

    /** Returns whether the table does not notify, so that the listener only polls. */
    public boolean polls() {
        return mode == NotifyMode.OFF;
    }

    /** Returns whether a reader may hold the doorbell lock. It is useless where every event notifies. */
    boolean mayHoldDoorbell() {
        return mode != NotifyMode.EACH_EVENT;
    }

    /** Returns the time between two polls while there is no connection: at most the reconnect interval. */
    Duration pollInterval() {
        return polls() || notificationTimeout.compareTo(reconnectInterval) < 0
                ? notificationTimeout
                : reconnectInterval;
    }

    @Override
    public String toString() {
        return table;
    }
}
