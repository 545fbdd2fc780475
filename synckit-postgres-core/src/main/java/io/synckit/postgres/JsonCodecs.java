package io.synckit.postgres;

import io.synckit.JsonCodec;
import io.synckit.postgres.internal.json.JacksonJson;
import tools.jackson.databind.json.JsonMapper;

/** Creates codecs for the JSON of events. */
public final class JsonCodecs {

    private JsonCodecs() {}

    /** Returns a codec with Jackson 3 and the settings of {@link #jacksonBuilder()}. Stores use it unless another one is given. */
    public static JsonCodec jackson() {
        return new JacksonJson();
    }

    /** Returns a codec with the settings and modules of a mapper, which is not changed. */
    public static JsonCodec jackson(JsonMapper mapper) {
        return new JacksonJson(mapper);
    }

    /**
     * Returns a builder with the settings of stored events, which do not depend on Jackson's defaults, and the modules on the class path.
     * Dates and durations are ISO 8601 texts, enums are written by name, unknown properties are ignored, and missing or null values for
     * primitives are rejected.
     */
    public static JsonMapper.Builder jacksonBuilder() {
        return JacksonJson.builder();
    }
}
