package io.synckit.postgres.internal.listen;

import static io.synckit.postgres.testing.Events.event;
import static org.assertj.core.api.Assertions.assertThat;

import io.synckit.StoredEvent;
import io.synckit.postgres.testing.Events;
import java.util.List;
import org.junit.jupiter.api.Test;

class RecentEventsTest {

    private static final int MAX_EVENTS = 4096;
    private static final long SERVER = 1;
    private static final long OTHER_SERVER = 2;

    private final RecentEvents recent = new RecentEvents();

    @Test
    void startsAfterAPosition() {
        recent.clear(7, SERVER);

        assertThat(recent.after()).isEqualTo(7);
        assertThat(recent.upTo()).isEqualTo(7);
        assertThat(recent.slice(7, event -> true, 10).events()).isEmpty();
    }

    @Test
    void eventsOfAFormerServerCountAsMissing() {
        recent.clear(0, SERVER);
        recent.add(Events.range(1, 10), 10);
        recent.serverChanged(OTHER_SERVER);

        assertThat(recent.hasAllAfter(9, SERVER)).isFalse();
        assertThat(recent.hasAllAfter(9, OTHER_SERVER)).isFalse();
        assertThat(recent.hasAllAfter(10, OTHER_SERVER)).isTrue();
    }

    @Test
    void sliceHasTheWantedEventsAfterAVersion() {
        recent.add(Events.range(1, 10), 12);

        RecentEvents.Slice slice = recent.slice(4, event -> event.version().value() % 2 == 0, 10);

        assertThat(slice.events()).extracting(event -> event.version().value()).containsExactly(6L, 8L, 10L);
        assertThat(slice.upTo()).isEqualTo(12);
    }

    @Test
    void fullSliceEndsBeforeTheNextWantedEvent() {
        recent.add(Events.range(1, 10), 10);

        RecentEvents.Slice slice = recent.slice(0, event -> event.version().value() % 2 == 0, 2);

        assertThat(slice.events()).extracting(event -> event.version().value()).containsExactly(2L, 4L);
        assertThat(slice.upTo()).isBetween(4L, 5L);
    }

    @Test
    void oldestEventsAreForgottenWhenThereAreTooMany() {
        recent.add(Events.range(1, MAX_EVENTS + 10), MAX_EVENTS + 10);

        assertThat(recent.size()).isEqualTo(MAX_EVENTS);
        assertThat(recent.after()).isEqualTo(10);
        assertThat(recent.get(0).version().value()).isEqualTo(11);
    }

    @Test
    void oldestEventsAreForgottenWhenTheyAreTooLarge() {
        StoredEvent large = event(1, "a", "T", '"' + "x".repeat(10 << 20) + '"');
        recent.add(List.of(large), 1);
        recent.add(List.of(event(2, "a", "T", '"' + "x".repeat(10 << 20) + '"')), 2);

        assertThat(recent.size()).isOne();
        assertThat(recent.after()).isEqualTo(1);
    }

    /** An event that alone is larger than the limit is kept, because it must be delivered. */
    @Test
    void oneEventIsKeptWhateverItsSize() {
        recent.add(List.of(event(1, "a", "T", '"' + "x".repeat(20 << 20) + '"')), 1);

        assertThat(recent.size()).isOne();
        assertThat(recent.after()).isZero();
    }

    @Test
    void clearForgetsEverything() {
        recent.add(Events.range(1, 5), 5);
        recent.clear(100, SERVER);

        assertThat(recent.size()).isZero();
        assertThat(recent.after()).isEqualTo(100);
    }
}
