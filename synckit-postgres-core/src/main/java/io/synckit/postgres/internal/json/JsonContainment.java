package io.synckit.postgres.internal.json;

import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * PostgreSQL's {@code jsonb @> jsonb}, for events that are already in memory. An object contains another one if each of its entries is
 * contained. An array contains another one if each element is contained in one of its elements, whatever their order. At the top, an array
 * also contains a scalar.
 */
public final class JsonContainment {

    private static final JsonMapper MAPPER = JsonMapper.builder()
            .enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS)
            .build();

    private final JsonNode part;

    private JsonContainment(JsonNode part) {
        this.part = part;
    }

    /** Reads the part that is looked for. */
    public static JsonContainment of(String json) {
        return new JsonContainment(MAPPER.readTree(json));
    }

    /** Returns whether this JSON value contains the part. */
    public boolean isIn(String json) {
        JsonNode whole = MAPPER.readTree(json);
        if (whole.isArray() && part.isValueNode()) {
            return hasElement(whole, part);
        }
        return contains(whole, part);
    }

    private static boolean contains(JsonNode whole, JsonNode part) {
        if (part.isObject()) {
            return whole.isObject()
                    && part.properties().stream()
                            .allMatch(entry ->
                                    whole.has(entry.getKey()) && contains(whole.get(entry.getKey()), entry.getValue()));
        }
        if (part.isArray()) {
            return whole.isArray() && part.valueStream().allMatch(element -> hasElement(whole, element));
        }
        if (part.isNumber()) {
            return whole.isNumber() && whole.decimalValue().compareTo(part.decimalValue()) == 0;
        }
        return whole.equals(part);
    }

    private static boolean hasElement(JsonNode array, JsonNode part) {
        return array.valueStream().anyMatch(element -> contains(element, part));
    }
}
