package io.synckit;

import java.lang.reflect.Type;
import org.jspecify.annotations.Nullable;

/**
 * The seam to the JSON library. The store checks what {@link #write} returns, so an implementation need not.
 *
 * <p>Implementations are safe for use by many threads.
 */
public interface JsonCodec {

    /**
     * @param value data, a metadata map, or a filter's value; {@link JsonText} inside is taken as it is
     * @return one JSON value
     * @throws RuntimeException if the value cannot be written; the store wraps it in {@link InvalidEventException}
     */
    String write(@Nullable Object value);

    /**
     * @param type a class or a generic type
     * @return null for JSON {@code null}
     * @throws RuntimeException if the JSON is not of that type; {@link StoredEvent} wraps it in {@link UnreadableEventException}
     */
    @Nullable Object read(String json, Type type);
}
