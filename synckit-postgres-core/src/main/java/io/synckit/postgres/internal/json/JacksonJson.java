package io.synckit.postgres.internal.json;

import io.synckit.JsonCodec;
import io.synckit.JsonText;
import java.lang.reflect.Type;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JsonGenerator;
import tools.jackson.core.json.JsonWriteFeature;
import tools.jackson.databind.SerializationContext;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.module.SimpleModule;
import tools.jackson.databind.ser.std.StdSerializer;

/** Jackson 3. */
public final class JacksonJson implements JsonCodec {

    private final JsonMapper mapper;

    /** With Jackson's defaults. */
    public JacksonJson() {
        this(JsonMapper.builder().build());
    }

    /** With the settings and modules of this mapper, which stays as it is. */
    public JacksonJson(JsonMapper mapper) {
        // NaN would become the string "NaN" and never be seen again; as a bare word it is found and refused.
        this.mapper = mapper.rebuild()
                .disable(JsonWriteFeature.WRITE_NAN_AS_STRINGS)
                .addModule(new SimpleModule("synckit").addSerializer(new JsonTextSerializer()))
                .build();
    }

    @Override
    public String write(@Nullable Object value) {
        return value instanceof JsonText text ? text.json() : mapper.writeValueAsString(value);
    }

    @Override
    public @Nullable Object read(String json, Type type) {
        return mapper.readValue(json, mapper.constructType(type));
    }

    private static final class JsonTextSerializer extends StdSerializer<JsonText> {

        JsonTextSerializer() {
            super(JsonText.class);
        }

        @Override
        public void serialize(JsonText value, JsonGenerator generator, SerializationContext context) {
            String problem = StorableJson.of(value.json()).problem();
            if (problem != null) {
                context.reportMappingProblem("JsonText: %s", problem);
            }
            generator.writeRawValue(value.json());
        }
    }
}
