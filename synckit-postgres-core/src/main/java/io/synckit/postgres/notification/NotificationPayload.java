package io.synckit.postgres.notification;

import io.synckit.StoredEvent;
import java.time.Instant;

/**
 * What go-sync-kit tells of an event: its keys, without data and metadata.
 *
 * @param streamName {@code stream_<aggregate id>}
 */
public record NotificationPayload(
        long version, String id, String aggregateId, String eventType, String streamName, Instant createdAt) {

    public static NotificationPayload of(StoredEvent event) {
        return new NotificationPayload(
                event.version().value(),
                event.id(),
                event.aggregateId(),
                event.type(),
                Channels.ofStream(event.aggregateId()),
                event.createdAt());
    }
}
