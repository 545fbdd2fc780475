package io.synckit.sample.events;

import com.fasterxml.jackson.annotation.JsonRawValue;
import io.synckit.StoredEvent;
import java.time.Instant;

/** The JSON representation of an event, with the stored data and metadata. */
public record EventView(
        long version,
        String id,
        String aggregateId,
        long streamVersion,
        String type,
        @JsonRawValue String data,
        @JsonRawValue String metadata,
        Instant createdAt) {

    public static EventView of(StoredEvent event) {
        return new EventView(
                event.version().value(),
                event.id(),
                event.aggregateId(),
                event.streamVersion(),
                event.type(),
                event.dataJson(),
                event.metadataJson(),
                event.createdAt());
    }
}
