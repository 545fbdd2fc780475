package io.synckit.sample.events;

import com.fasterxml.jackson.annotation.JsonRawValue;
import io.synckit.StoredEvent;
import java.time.Instant;

/** An event as it is shown: its JSON as it is stored. */
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
