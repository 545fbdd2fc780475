package io.synckit;

import java.lang.reflect.Type;
import org.jspecify.annotations.Nullable;

/** Writes and reads JSON. The store checks the result of {@link #write}. Implementations are thread-safe. */
public interface JsonCodec {

    /**
     * Writes a value.
     *
     * @param value data, a metadata map, or a filter's value; {@link JsonText} inside is written without conversion
     * @return one JSON value
     * @throws RuntimeException if the value cannot be written; the store wraps it in {@link InvalidEventException}, or for a filter in {@link
     *     InvalidFilterException}
     */
    String write(@Nullable Object value);

    /**
     * Reads a value.
     *
     * @param type a class or a generic type
     * @return null for JSON {@code null}
     * @throws RuntimeException if the JSON is not of that type; {@link StoredEvent} wraps it in {@link UnreadableEventException}
     */
    @Nullable Object read(String json, Type type);

    /**
     * Returns the data of an event in the form that {@link StoredEvent#dataAs(Class)} reads. The default is the stored data. {@link
     * EventUpcaster#applying} changes it.
     */
    default String currentData(StoredEvent event) {
        return event.dataJson();
    }
}
