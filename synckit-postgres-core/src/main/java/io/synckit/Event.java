package io.synckit;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * An event to be stored. Immutable if its data is. The id is given at birth, so storing the same object again, for instance
 * after a failure whose outcome is unknown, is recognised.
 *
 * @param id unique in the whole store; any text of 1 to {@value EventLimits#MAX_KEY_LENGTH} characters
 * @param aggregateId the stream that it belongs to; the same limits
 * @param type what happened; the same limits
 * @param data anything that the JSON mapper can write: a record, a map, a list, a number, a text; {@link JsonText} for JSON that
 *     is written already. PostgreSQL keeps it as {@code jsonb}: the values, not the spelling
 * @param metadata what is said about the event (who, why, from where); values as for data, or null
 */
public record Event(String id, String aggregateId, String type, Object data, Map<String, @Nullable Object> metadata) {

    /** @throws InvalidEventException if an id or the type is blank, too long or not storable, or something is null */
    public Event {
        EventLimits.requireKey("event id", id);
        EventLimits.requireKey("aggregate id", aggregateId);
        EventLimits.requireKey("event type", type);
        if (data == null) {
            throw new InvalidEventException("data of event '" + EventLimits.printable(id)
                    + "' is null; for an event without content give Map.of()");
        }
        if (metadata == null) {
            throw new InvalidEventException(
                    "metadata of event '" + EventLimits.printable(id) + "' is null; for none give Map.of()");
        }
        if (metadata.keySet().stream().anyMatch(Objects::isNull)) {
            throw new InvalidEventException(
                    "metadata of event '" + EventLimits.printable(id) + "' has a null key; metadata is a JSON object");
        }
        metadata = Collections.unmodifiableMap(new LinkedHashMap<>(metadata));
    }

    /**
     * An event with a new id (UUIDv7) and no metadata.
     *
     * @throws InvalidEventException as the constructor
     */
    public static Event of(String aggregateId, String type, Object data) {
        return new Event(UuidV7.random(), aggregateId, type, data, Map.of());
    }

    /** The same event with an id of the caller's. */
    public Event withId(String id) {
        return new Event(id, aggregateId, type, data, metadata);
    }

    /** The same event with one more metadata entry, or another value for the one it has. */
    public Event withMetadata(String key, @Nullable Object value) {
        Map<String, @Nullable Object> more = new LinkedHashMap<>(metadata);
        more.put(key, value);
        return new Event(id, aggregateId, type, data, more);
    }

    /** The same event with this metadata only. */
    public Event withMetadata(Map<String, @Nullable Object> metadata) {
        return new Event(id, aggregateId, type, data, metadata);
    }

    /** Returns a text without data and metadata, so that no payload gets into a log by accident. */
    @Override
    public String toString() {
        return "Event[id=" + EventLimits.printable(id) + ", aggregateId=" + EventLimits.printable(aggregateId)
                + ", type=" + EventLimits.printable(type) + "]";
    }
}
