package io.synckit.test;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.synckit.Event;
import io.synckit.EventType;
import io.synckit.InvalidEventException;
import io.synckit.StoredEvent;
import java.time.Instant;
import java.util.Map;
import org.junit.jupiter.api.Test;

class StoredEventsTest {

    @EventType("order-placed")
    record OrderPlaced(String item, int quantity) {}

    @Test
    void payloadIsReadBackFromJson() {
        StoredEvent event = StoredEvents.of("order-1", new OrderPlaced("tea", 2));

        assertThat(event.type()).isEqualTo("order-placed");
        assertThat(event.aggregateId()).isEqualTo("order-1");
        assertThat(event.dataAs(OrderPlaced.class)).isEqualTo(new OrderPlaced("tea", 2));
        assertThat(event.data()).isEqualTo(Map.of("item", "tea", "quantity", 2));
        assertThat(event.metadata()).isEmpty();
    }

    @Test
    void versionsAscend() {
        assertThat(StoredEvents.of("a", "T", 1).version())
                .isLessThan(StoredEvents.of("a", "T", 1).version());
    }

    @Test
    void builderSetsEachValue() {
        Instant then = Instant.parse("2026-01-02T03:04:05Z");

        StoredEvent event = StoredEvents.builder(Event.of("a", "T", 1).withId("id-1"))
                .version(7)
                .streamVersion(3)
                .createdAt(then)
                .metadata("tenant", "blue")
                .build();

        assertThat(event.id()).isEqualTo("id-1");
        assertThat(event.version().value()).isEqualTo(7);
        assertThat(event.streamVersion()).isEqualTo(3);
        assertThat(event.createdAt()).isEqualTo(then);
        assertThat(event.metadata()).isEqualTo(Map.of("tenant", "blue"));
    }

    @Test
    void invalidEventIsRejectedAsByTheStore() {
        assertThatThrownBy(() -> StoredEvents.of(" ", "T", 1)).isInstanceOf(InvalidEventException.class);
    }
}
