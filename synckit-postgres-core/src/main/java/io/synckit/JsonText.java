package io.synckit;

/**
 * JSON text. Used as data, as a metadata value or in a filter, it is stored without conversion, whereas a {@link String} becomes a JSON
 * string.
 *
 * @param json one JSON value (RFC 8259)
 */
public record JsonText(String json) {

    @Override
    public String toString() {
        return json;
    }
}
