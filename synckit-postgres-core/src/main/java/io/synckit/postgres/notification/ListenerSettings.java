package io.synckit.postgres.notification;

import io.synckit.postgres.schema.NotifyMode;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/** What the listener's loop needs to know. */
record ListenerSettings(
        String table,
        Duration notificationTimeout,
        Duration reconnectInterval,
        int maxReconnectAttempts,
        @Nullable NotifyMode mode) {

    boolean polls() {
        return mode == NotifyMode.OFF;
    }

    /** Whether a reader may hold the bell: it has no use where every event notifies. */
    boolean mayHoldBell() {
        return mode != NotifyMode.EACH_EVENT;
    }

    /** Without a connection, not less often than attempts are made. */
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
