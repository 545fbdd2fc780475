package io.synckit;

import io.synckit.internal.Texts;
import java.lang.reflect.Type;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** A stored event. Data and metadata are kept as JSON, and read at each call. Immutable. */
public final class StoredEvent {

    private final Version version;
    private final String id;
    private final String aggregateId;
    private final long streamVersion;
    private final String type;
    private final String dataJson;
    private final String metadataJson;
    private final Instant createdAt;
    private final JsonCodec json;

    public StoredEvent(
            Version version,
            String id,
            String aggregateId,
            long streamVersion,
            String type,
            String dataJson,
            String metadataJson,
            Instant createdAt,
            JsonCodec json) {
        this.version = version;
        this.id = id;
        this.aggregateId = aggregateId;
        this.streamVersion = streamVersion;
        this.type = type;
        this.dataJson = dataJson;
        this.metadataJson = metadataJson;
        this.createdAt = createdAt;
        this.json = json;
    }

    /** Returns the position in the log. */
    public Version version() {
        return version;
    }

    public String id() {
        return id;
    }

    public String aggregateId() {
        return aggregateId;
    }

    /** Returns the position within the aggregate: 1, 2, 3, … without gaps. */
    public long streamVersion() {
        return streamVersion;
    }

    public String type() {
        return type;
    }

    /** Returns the time of the insert by the clock of the database, in microseconds. */
    public Instant createdAt() {
        return createdAt;
    }

    /** Returns the data as PostgreSQL's {@code jsonb} prints it. */
    public String dataJson() {
        return dataJson;
    }

    /** Returns the metadata as PostgreSQL's {@code jsonb} prints it. It is always an object. */
    public String metadataJson() {
        return metadataJson;
    }

    /**
     * Returns the data as maps, lists, strings, numbers and booleans.
     *
     * @throws UnreadableEventException if the data is JSON {@code null}, which only another program can have stored
     */
    public Object data() {
        return dataAs(Object.class);
    }

    /**
     * Returns the data as an object of a type. {@link EventUpcaster}s are applied before. If the type is sealed, the object is of the
     * permitted class whose {@link EventTypes#nameOf name} is the {@link #type()} of the event.
     *
     * @throws UnreadableEventException if the data is not of that type, or JSON {@code null}, or of a later revision than the class
     *     ({@link EventType#revision})
     */
    public <T> T dataAs(Class<T> type) {
        Class<?> payload = EventTypes.withPermitted(type)
                .filter(permitted -> EventTypes.nameOf(permitted).equals(this.type))
                .findFirst()
                .orElse(type);
        if (EventTypes.isOlder(payload, this)) {
            throw new UnreadableEventException(
                    this,
                    "its revision " + EventTypes.revisionOf(this) + " is later than that of " + payload.getName() + ", "
                            + EventTypes.revisionOf(payload),
                    null);
        }
        return wrap(type).cast(dataAs((Type) payload));
    }

    /**
     * Returns the data as an object of a generic type. It does not look for the permitted class of a sealed type.
     *
     * @throws UnreadableEventException if the data is not of that type, or JSON {@code null}
     */
    public Object dataAs(Type type) {
        Object data = read("data", currentData(), type);
        if (data == null) {
            throw new UnreadableEventException(this, "data is JSON null", null);
        }
        return data;
    }

    /** Returns the metadata, with values as in {@link #data()}. */
    public Map<String, @Nullable Object> metadata() {
        Map<String, @Nullable Object> metadata = new LinkedHashMap<>();
        if (read("metadata", metadataJson, Map.class) instanceof Map<?, ?> map) {
            map.forEach((key, value) -> metadata.put(String.valueOf(key), value));
        }
        return metadata;
    }

    private String currentData() {
        try {
            return json.currentData(this);
        } catch (UnreadableEventException e) {
            throw e;
        } catch (RuntimeException e) {
            throw new UnreadableEventException(this, "data cannot be upcast: " + e, e);
        }
    }

    private @Nullable Object read(String what, String text, Type type) {
        try {
            return json.read(text, type);
        } catch (RuntimeException e) {
            // The message of a codec may show data, unless it is the store's own.
            String reason = e.getClass() == IllegalArgumentException.class ? ": " + e.getMessage() : "";
            throw new UnreadableEventException(this, what + " is not a " + type.getTypeName() + reason, e);
        }
    }

    @SuppressWarnings("unchecked")
    private static <T> Class<T> wrap(Class<T> type) {
        return type.isPrimitive()
                ? (Class<T>) java.lang.invoke.MethodType.methodType(type).wrap().returnType()
                : type;
    }

    @Override
    public boolean equals(@Nullable Object other) {
        return other instanceof StoredEvent that
                && version.equals(that.version)
                && id.equals(that.id)
                && aggregateId.equals(that.aggregateId)
                && streamVersion == that.streamVersion
                && type.equals(that.type)
                && dataJson.equals(that.dataJson)
                && metadataJson.equals(that.metadataJson)
                && createdAt.equals(that.createdAt);
    }

    @Override
    public int hashCode() {
        return Objects.hash(version, id);
    }

    /** Returns a text without data and metadata, so that no payload is logged by accident. */
    @Override
    public String toString() {
        return "StoredEvent[version=" + version + ", id=" + Texts.printable(id) + ", aggregateId="
                + Texts.printable(aggregateId) + ", streamVersion=" + streamVersion + ", type="
                + Texts.printable(type) + ", createdAt=" + createdAt + "]";
    }
}
