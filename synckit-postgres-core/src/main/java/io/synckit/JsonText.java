package io.synckit;

/**
 * JSON that is written already: as an event's data, a metadata value or in a filter it is taken as it is, where a {@link String}
 * becomes a JSON string.
 *
 * @param json one JSON value (RFC 8259)
 */
public record JsonText(String json) {

    @Override
    public String toString() {
        return json;
    }
}
