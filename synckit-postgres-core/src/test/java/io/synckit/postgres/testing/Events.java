package io.synckit.postgres.testing;

import io.synckit.StoredEvent;
import io.synckit.Version;
import io.synckit.postgres.internal.json.JacksonJson;
import java.time.Instant;
import java.util.List;
import java.util.stream.LongStream;

/** Stored events for tests without a database. */
public final class Events {

    private static final Instant STORED_AT = Instant.parse("2026-01-01T00:00:00Z");

    private Events() {}

    /** Returns an event of aggregate a and type T. */
    public static StoredEvent event(long version) {
        return event(version, "a", "T", "1");
    }

    public static StoredEvent event(long version, String aggregateId, String type, String data) {
        return new StoredEvent(
                Version.of(version),
                "id-" + version,
                aggregateId,
                version,
                type,
                data,
                "{}",
                STORED_AT,
                new JacksonJson());
    }

    /** Returns the events of the versions from first to last. */
    public static List<StoredEvent> range(long first, long last) {
        return LongStream.rangeClosed(first, last).mapToObj(Events::event).toList();
    }
}
