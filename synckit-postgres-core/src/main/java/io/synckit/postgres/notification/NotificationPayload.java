package io.synckit.postgres.notification;

import io.synckit.StoredEvent;
import java.time.Instant;

/**
 * The notification of go-sync-kit: the keys of an event, without data and metadata.
 *
 * @param streamName {@code stream_<aggregate id>}
 */
public record NotificationPayload(
        long version, String id, String aggregateId, String eventType, String streamName, Instant createdAt) {

    /** Returns the notification of an event. */
    public static NotificationPayload of(StoredEvent event) {
        return new NotificationPayload(
                event.version().value(),
                event.id(),
                event.aggregateId(),
                event.type(),
                "stream_" + event.aggregateId(),
                event.createdAt());
    }
}
