package io.synckit.postgres.internal.append;

import io.synckit.Event;
import io.synckit.InvalidEventException;
import io.synckit.JsonCodec;
import io.synckit.internal.Texts;
import io.synckit.postgres.internal.json.StorableJson;
import io.synckit.postgres.internal.sql.EventRow;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Turns events into rows. Rejects every event that cannot be stored before it reaches the database. Thread-safe. */
public final class EventEncoder {

    /** Maximum size of the data and metadata of a batch in bytes. PostgreSQL accepts at most 1 GiB in one message. */
    public static final long MAX_BATCH_BYTES = 256L * 1024 * 1024;

    private final JsonCodec json;
    private final long maxEventBytes;

    public EventEncoder(JsonCodec json, long maxEventBytes) {
        this.json = json;
        this.maxEventBytes = maxEventBytes;
    }

    /**
     * @param more metadata that is added to each event, unless the event has the key
     * @throws InvalidEventException with the position in the list, if one of them cannot be stored or an id comes twice
     */
    public List<EventRow> encode(List<? extends @Nullable Event> events, Map<String, String> more) {
        List<EventRow> rows = new ArrayList<>(events.size());
        Set<String> ids = new HashSet<>();
        long bytes = 0;
        for (Event event : events) {
            if (event == null) {
                throw new InvalidEventException("element " + rows.size() + " of the batch is null; nothing is stored");
            }
            if (!ids.add(event.id())) {
                throw new InvalidEventException(
                        "element " + rows.size() + " of the batch has the id of an earlier one: '"
                                + Texts.printable(event.id()) + "'; nothing is stored");
            }
            EventRow row = encode(event, more);
            rows.add(row);
            bytes += row.bytes();
        }
        if (bytes > MAX_BATCH_BYTES) {
            throw new InvalidEventException("the batch has " + bytes + " bytes of JSON, at most " + MAX_BATCH_BYTES
                    + " are possible; split it");
        }
        return rows;
    }

    /** @throws InvalidEventException if one of the events is of another aggregate */
    public static void requireAggregate(String aggregateId, List<? extends @Nullable Event> events) {
        for (Event event : events) {
            if (event != null && !event.aggregateId().equals(aggregateId)) {
                throw new InvalidEventException("event '" + Texts.printable(event.id()) + "' is of aggregate '"
                        + Texts.printable(event.aggregateId()) + "', the append is to '"
                        + Texts.printable(aggregateId) + "'; nothing is stored");
            }
        }
    }

    /** @throws InvalidEventException if the event cannot be stored */
    public EventRow encode(Event event, Map<String, String> more) {
        String data = write("data", event.data(), event);
        String metadata = write("metadata", metadata(event, more), event);
        long bytes = bytes("data", data, event) + bytes("metadata", metadata, event);
        if (data.strip().equals("null")) {
            throw new InvalidEventException("data of event '" + Texts.printable(event.id())
                    + "' is JSON null; for an event without content give Map.of()");
        }
        if (bytes > maxEventBytes) {
            throw new InvalidEventException("event '" + Texts.printable(event.id()) + "' has " + bytes
                    + " bytes of data and metadata, at most " + maxEventBytes
                    + " are allowed; store a reference instead, or raise maxEventBytes"
                    + " (synckit.postgres.max-event-size)");
        }
        return new EventRow(event.id(), event.aggregateId(), event.type(), data, metadata, bytes);
    }

    private static Map<String, @Nullable Object> metadata(Event event, Map<String, String> more) {
        if (event.metadata().keySet().containsAll(more.keySet())) {
            return event.metadata();
        }
        Map<String, @Nullable Object> metadata = new LinkedHashMap<>(more);
        metadata.putAll(event.metadata());
        return metadata;
    }

    private String write(String what, Object value, Event event) {
        try {
            return json.write(value);
        } catch (RuntimeException e) {
            throw new InvalidEventException(
                    what + " of event '" + Texts.printable(event.id()) + "' cannot be written as JSON: " + oneLine(e),
                    e);
        }
    }

    private static String oneLine(RuntimeException failure) {
        return String.valueOf(failure.getMessage()).replaceAll("\\s*\\R\\s*", " ");
    }

    private static long bytes(String what, String text, Event event) {
        StorableJson json = StorableJson.of(text);
        if (json.problem() != null) {
            throw new InvalidEventException(
                    what + " of event '" + Texts.printable(event.id()) + "' cannot be stored: " + json.problem());
        }
        return json.bytes();
    }
}
