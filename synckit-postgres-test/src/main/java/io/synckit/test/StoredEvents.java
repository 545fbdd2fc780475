package io.synckit.test;

import io.synckit.Event;
import io.synckit.JsonCodec;
import io.synckit.StoredEvent;
import io.synckit.Version;
import io.synckit.postgres.JsonCodecs;
import java.time.Instant;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * Creates stored events without a database, for unit tests of handlers. Each event gets a higher version than the one before. The payload is
 * written to JSON and read back as by the store. Thread-safe.
 */
public final class StoredEvents {

    private static final JsonCodec JSON = JsonCodecs.jackson();
    private static final AtomicLong VERSIONS = new AtomicLong();

    private StoredEvents() {}

    /** Returns a stored event. Its type is that of the payload's class, as in {@link Event#of(String, Object)}. */
    public static StoredEvent of(String aggregateId, Object payload) {
        return builder(Event.of(aggregateId, payload)).build();
    }

    /** Returns a stored event. */
    public static StoredEvent of(String aggregateId, String type, Object data) {
        return builder(Event.of(aggregateId, type, data)).build();
    }

    /** Returns a builder for an event with certain values, for example of an older revision, or at a certain time. */
    public static Builder builder(Event event) {
        return new Builder(event);
    }

    /** Builds a stored event. The defaults are the next version, stream version 1, and the current time. */
    public static final class Builder {

        private final Event event;
        private final Map<String, @Nullable Object> metadata;
        private @Nullable Version version;
        private long streamVersion = 1;
        private Instant createdAt = Instant.now();

        private Builder(Event event) {
            this.event = event;
            this.metadata = new HashMap<>(event.metadata());
        }

        /** Sets the version. */
        public Builder version(long version) {
            this.version = Version.of(version);
            return this;
        }

        /** Sets the position in the stream of the aggregate. */
        public Builder streamVersion(long streamVersion) {
            this.streamVersion = streamVersion;
            return this;
        }

        /** Sets the time at which the event was stored. */
        public Builder createdAt(Instant createdAt) {
            this.createdAt = createdAt;
            return this;
        }

        /** Adds an entry to the metadata. */
        public Builder metadata(String key, @Nullable Object value) {
            metadata.put(key, value);
            return this;
        }

        /** Returns the event. */
        public StoredEvent build() {
            Version at = version != null ? version : Version.of(VERSIONS.incrementAndGet());
            return new StoredEvent(
                    at,
                    event.id(),
                    event.aggregateId(),
                    streamVersion,
                    event.type(),
                    JSON.write(event.data()),
                    JSON.write(metadata),
                    createdAt,
                    JSON);
        }
    }
}
