package io.synckit;

import io.synckit.internal.Texts;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * An event to be stored. Immutable if its data is. The id is part of the object, so the store recognises an event that is stored again, for
 * example after a failure whose outcome is unknown.
 *
 * @param id unique in the store; 1 to {@value #MAX_KEY_LENGTH} characters that are not blank
 * @param aggregateId the aggregate that the event belongs to; same limits
 * @param type the event type; same limits
 * @param data the payload: anything that the JSON mapper can write, such as a record, a map, a list, a number or a text; {@link JsonText} for
 *     JSON text. PostgreSQL stores it as {@code jsonb}, which keeps the values and not the formatting
 * @param metadata data about the event, such as the user or the cause. Its values are as for data, or null
 */
public record Event(String id, String aggregateId, String type, Object data, Map<String, @Nullable Object> metadata) {

    /** Maximum length of id, aggregate id and type, in code points. */
    public static final int MAX_KEY_LENGTH = 255;

    /** @throws InvalidEventException if an id or the type is blank, too long or not storable, or something is null */
    public Event {
        requireKey("event id", id);
        requireKey("aggregate id", aggregateId);
        requireKey("event type", type);
        if (data == null) {
            throw new InvalidEventException(
                    "data of event '" + Texts.printable(id) + "' is null; for an event without payload give Map.of()");
        }
        if (metadata == null) {
            throw new InvalidEventException(
                    "metadata of event '" + Texts.printable(id) + "' is null; for none give Map.of()");
        }
        if (metadata.keySet().stream().anyMatch(Objects::isNull)) {
            throw new InvalidEventException(
                    "metadata of event '" + Texts.printable(id) + "' has a null key; metadata is a JSON object");
        }
        metadata = Collections.unmodifiableMap(new LinkedHashMap<>(metadata));
    }

    /**
     * Returns an event with a new id (UUIDv7) and no metadata.
     *
     * @throws InvalidEventException if an id or the type is blank, too long or not storable, or something is null
     */
    public static Event of(String aggregateId, String type, Object data) {
        return new Event(UuidV7.random(), aggregateId, type, data, Map.of());
    }

    /**
     * Returns an event with a new id (UUIDv7), whose type is that of the payload's class: the value of {@link EventType}, or its simple name.
     *
     * @throws InvalidEventException if the aggregate id is blank, too long or not storable, or something is null
     */
    public static Event of(String aggregateId, Object data) {
        if (data == null) {
            throw new InvalidEventException("the payload is null; give an object of a class, or a type and Map.of()");
        }
        Event event = of(aggregateId, EventTypes.nameOf(data.getClass()), data);
        int revision = EventTypes.revisionOf(data.getClass());
        return revision == 1 ? event : event.withMetadata(EventTypes.REVISION, revision);
    }

    /** Returns the event with this id. An id that repeats with the request makes a retry idempotent. */
    public Event withId(String id) {
        return new Event(id, aggregateId, type, data, metadata);
    }

    /** Returns the event with one metadata entry added or replaced. */
    public Event withMetadata(String key, @Nullable Object value) {
        Map<String, @Nullable Object> more = new LinkedHashMap<>(metadata);
        more.put(key, value);
        return new Event(id, aggregateId, type, data, more);
    }

    /** Returns the event with this metadata only. */
    public Event withMetadata(Map<String, @Nullable Object> metadata) {
        return new Event(id, aggregateId, type, data, metadata);
    }

    /** Returns a text without data and metadata, so that no payload is logged by accident. */
    @Override
    public String toString() {
        return "Event[id=" + Texts.printable(id) + ", aggregateId=" + Texts.printable(aggregateId) + ", type="
                + Texts.printable(type) + "]";
    }

    private static void requireKey(String what, @Nullable String value) {
        if (value == null || value.isBlank()) {
            throw new InvalidEventException(what + " is "
                    + (value == null ? "null" : "blank ('" + Texts.printable(value) + "')") + "; give it a text");
        }
        int length = value.codePointCount(0, value.length());
        if (length > MAX_KEY_LENGTH) {
            throw new InvalidEventException(what + " has " + length + " characters, at most " + MAX_KEY_LENGTH
                    + " are possible; shorten it or use its hash: '" + Texts.printable(value.substring(0, 80)) + "…'");
        }
        String unstorable = Texts.unstorable(value);
        if (unstorable != null) {
            throw new InvalidEventException(what + " contains " + unstorable
                    + ", which PostgreSQL cannot store; remove it: '" + Texts.printable(value) + "'");
        }
    }
}
