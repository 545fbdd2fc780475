package io.synckit.postgres.internal.json;

import io.synckit.JsonCodec;
import io.synckit.JsonText;
import java.lang.reflect.Type;
import java.util.Arrays;
import java.util.Iterator;
import java.util.Map;
import java.util.stream.BaseStream;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonGenerator;
import tools.jackson.core.json.JsonWriteFeature;
import tools.jackson.databind.DatabindException;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JavaType;
import tools.jackson.databind.MapperFeature;
import tools.jackson.databind.SerializationContext;
import tools.jackson.databind.cfg.DateTimeFeature;
import tools.jackson.databind.cfg.EnumFeature;
import tools.jackson.databind.exc.MismatchedInputException;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.module.SimpleModule;
import tools.jackson.databind.ser.std.StdSerializer;

/**
 * Writes and reads events with Jackson 3. The settings depend neither on the JSON API of the application nor on defaults of Jackson,
 * because stored events must stay readable. Thread-safe.
 */
public final class JacksonJson implements JsonCodec {

    /** Annotates every class that the Kotlin compiler has created. */
    private static final String KOTLIN_METADATA = "kotlin.Metadata";

    private static final ClassValue<Boolean> IS_KOTLIN = new ClassValue<>() {
        @Override
        protected Boolean computeValue(Class<?> type) {
            return Arrays.stream(type.getAnnotations())
                    .anyMatch(
                            annotation -> annotation.annotationType().getName().equals(KOTLIN_METADATA));
        }
    };

    private final JsonMapper mapper;
    private final boolean readsKotlin;

    /** Creates a codec with the settings of {@link #builder()}. */
    public JacksonJson() {
        this(builder().build());
    }

    /** Creates a codec with the settings and modules of this mapper, which is not changed. */
    public JacksonJson(JsonMapper mapper) {
        // NaN would become the string "NaN" and never be a number again; as a bare word it is found and rejected.
        this.mapper = mapper.rebuild()
                .disable(JsonWriteFeature.WRITE_NAN_AS_STRINGS)
                .addModule(new SimpleModule("synckit")
                        .addSerializer(new JsonTextSerializer())
                        .setSerializerModifier(new TypeIdGuard()))
                .build();
        this.readsKotlin = this.mapper.registeredModules().stream()
                .anyMatch(module -> module.getClass().getSimpleName().equals("KotlinModule"));
    }

    /**
     * Returns a builder with the settings of stored events and the modules on the class path (for example Kotlin's). Dates and durations are
     * ISO 8601 texts, enums are written by name, unknown properties are ignored, and missing or null values for primitives are rejected.
     */
    public static JsonMapper.Builder builder() {
        return JsonMapper.builder()
                .disable(
                        DateTimeFeature.WRITE_DATES_AS_TIMESTAMPS,
                        DateTimeFeature.WRITE_DURATIONS_AS_TIMESTAMPS,
                        DateTimeFeature.WRITE_DATE_KEYS_AS_TIMESTAMPS,
                        DateTimeFeature.ADJUST_DATES_TO_CONTEXT_TIME_ZONE)
                .disable(EnumFeature.WRITE_ENUMS_TO_LOWERCASE, EnumFeature.WRITE_ENUMS_USING_INDEX)
                .disable(EnumFeature.WRITE_ENUMS_USING_TO_STRING, EnumFeature.READ_ENUMS_USING_TO_STRING)
                .disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
                .enable(DeserializationFeature.FAIL_ON_NULL_FOR_PRIMITIVES)
                .enable(MapperFeature.SORT_PROPERTIES_ALPHABETICALLY)
                .findAndAddModules(JacksonJson.class.getClassLoader());
    }

    @Override
    public String write(@Nullable Object value) {
        if (value instanceof JsonText text) {
            return text.json();
        }
        if (value != null) {
            requireKotlinModule(value.getClass());
        }
        if (value instanceof Iterator || value instanceof BaseStream) {
            throw new IllegalArgumentException(
                    "a " + value.getClass().getName() + " can be read only once; give a list");
        }
        return mapper.writeValueAsString(value);
    }

    /** Without the module, Jackson writes Kotlin classes under names that Kotlin does not read, and ignores default values. */
    private void requireKotlinModule(Class<?> type) {
        if (!readsKotlin && IS_KOTLIN.get(type)) {
            throw new IllegalArgumentException(
                    type.getName()
                            + " is a Kotlin class, so the module tools.jackson.module:jackson-module-kotlin must be on the class path");
        }
    }

    /** Failures name the property, but no value, because a log must not show data. */
    @Override
    public @Nullable Object read(String json, Type type) {
        JavaType javaType = mapper.constructType(type);
        requireKotlinModule(javaType.getRawClass());
        try {
            return mapper.readValue(json, javaType);
        } catch (JacksonException e) {
            throw new IllegalArgumentException(problem(e, javaType.getRawClass()), e);
        }
    }

    private static String problem(JacksonException failure, Class<?> type) {
        String property = property(failure);
        String kind = failure instanceof MismatchedInputException
                ? "a value is missing or has another type"
                : failure instanceof DatabindException
                        ? "the type cannot be created from JSON"
                                + (type.isSealed()
                                        ? ", and no class that it permits has the type of the event as its @EventType or simple name"
                                        : "")
                        : "the JSON is not valid";
        return property.isEmpty() ? kind : kind + " at property '" + property + "'";
    }

    /** The path of properties, without keys of maps, which are data. */
    private static String property(JacksonException failure) {
        StringBuilder path = new StringBuilder();
        for (JacksonException.Reference reference : failure.getPath()) {
            String name = reference.getPropertyName();
            boolean ofMap = reference.from() instanceof Map || reference.from() == Map.class;
            if (name != null && !ofMap) {
                path.append(path.isEmpty() ? "" : ".").append(name);
            }
        }
        return path.toString();
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
