package io.synckit.postgres.internal.json;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.annotation.JsonSubTypes;
import com.fasterxml.jackson.annotation.JsonTypeInfo;
import java.io.IOException;
import java.math.BigDecimal;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.OffsetDateTime;
import java.time.ZonedDateTime;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.module.SimpleModule;

/** The stored format. A failure of the first test means that events of earlier versions are written or read differently. */
class JacksonJsonTest {

    enum Colour {
        DARK_RED,
        BLUE;

        @Override
        public String toString() {
            return "a colour";
        }
    }

    @JsonTypeInfo(use = JsonTypeInfo.Id.NAME, property = "kind")
    @JsonSubTypes({
        @JsonSubTypes.Type(value = Item.class, name = "item"),
        @JsonSubTypes.Type(value = Fee.class, name = "fee")
    })
    sealed interface Line permits Item, Fee {}

    record Item(String name, int quantity) implements Line {}

    record Fee(BigDecimal amount) implements Line {}

    record Everything(
            String zuletzt,
            Instant instant,
            LocalDate date,
            OffsetDateTime offset,
            ZonedDateTime zoned,
            Duration duration,
            Colour colour,
            Map<Colour, Integer> colours,
            BigDecimal price,
            double ratio,
            long big,
            Optional<String> present,
            Optional<String> absent,
            String missing,
            UUID uuid,
            byte[] bytes,
            List<Line> lines,
            Line line) {}

    private final JacksonJson json = new JacksonJson();

    private static Everything everything() {
        Map<Colour, Integer> colours = new LinkedHashMap<>();
        colours.put(Colour.DARK_RED, 1);
        return new Everything(
                "ä\"\n",
                Instant.parse("2026-11-25T01:02:03.456789Z"),
                LocalDate.of(2026, 2, 3),
                OffsetDateTime.parse("2026-11-25T01:02:03+05:45"),
                ZonedDateTime.parse("2026-11-25T01:02:03+01:00[Europe/Berlin]"),
                Duration.ofMillis(90_061_500),
                Colour.DARK_RED,
                colours,
                new BigDecimal("12.30"),
                0.1,
                9007199254740993L,
                Optional.of("x"),
                Optional.empty(),
                null,
                UUID.fromString("01a205f4-d630-7000-9fbb-000000000001"),
                new byte[] {1, 2, 3},
                List.of(new Item("coffee", 2), new Fee(new BigDecimal("0.5"))),
                new Item("tea", 1));
    }

    @Test
    void storedFormatMatchesTheGoldenFile() throws Exception {
        String golden = Files.readString(Path.of("src/test/resources/stored-format.json"))
                .strip();

        assertThat(json.write(everything())).isEqualTo(golden);
        assertThat(json.write(json.read(golden, Everything.class))).isEqualTo(golden);
    }

    /**
     * What the Kotlin compiler makes of a data class, as far as the codec looks at it. It is compiled here, because a class named
     * {@code kotlin.Metadata} on the class path would let Spring believe that Kotlin is there.
     */
    private static Object kotlinObject(Path directory) throws ReflectiveOperationException, IOException {
        Path annotation = Files.writeString(
                Files.createDirectories(directory.resolve("kotlin")).resolve("Metadata.java"),
                "package kotlin; @java.lang.annotation.Retention(java.lang.annotation.RetentionPolicy.RUNTIME)"
                        + " public @interface Metadata {}");
        Path type = Files.writeString(
                Files.createDirectories(directory.resolve("sample")).resolve("KotlinClass.java"),
                "package sample; @kotlin.Metadata public record KotlinClass(boolean isPaid) {}");
        assertThat(ToolProvider.getSystemJavaCompiler()
                        .run(null, null, null, "-d", directory.toString(), annotation.toString(), type.toString()))
                .isZero();
        URLClassLoader loader = new URLClassLoader(new URL[] {directory.toUri().toURL()});
        return loader.loadClass("sample.KotlinClass")
                .getConstructor(boolean.class)
                .newInstance(true);
    }

    @Test
    void kotlinClassesNeedTheKotlinModule(@TempDir Path directory) throws Exception {
        Object paid = kotlinObject(directory);

        assertThatThrownBy(() -> json.write(paid))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("KotlinClass is a Kotlin class")
                .hasMessageContaining("tools.jackson.module:jackson-module-kotlin");
        assertThatThrownBy(() -> json.read("{\"isPaid\":true}", paid.getClass()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("tools.jackson.module:jackson-module-kotlin");
    }

    @Test
    void kotlinClassesAreAcceptedWithTheKotlinModule(@TempDir Path directory) throws Exception {
        JacksonJson withModule = new JacksonJson(
                JacksonJson.builder().addModule(new KotlinModule()).build());

        assertThat(withModule.write(kotlinObject(directory))).isEqualTo("{\"isPaid\":true}");
    }

    /** A module of the same name as Kotlin's. */
    private static final class KotlinModule extends SimpleModule {

        private static final long serialVersionUID = 1;
    }

    @Test
    void unknownPropertiesAreIgnoredAndMissingPrimitivesAreNamed() {
        record Place(String name, int quantity) {}
        record Order(Place place) {}
        assertThat(json.read("{\"name\":\"a\",\"quantity\":1,\"new\":2}", Place.class))
                .isEqualTo(new Place("a", 1));
        assertThatThrownBy(() -> json.read("{\"place\":{\"name\":\"secret\"}}", Order.class))
                .hasMessageContaining("place.quantity")
                .hasMessageNotContaining("secret");
    }

    static List<Object> collectionsThatLoseTheirTypes() {
        return List.of(
                List.of(new Item("a", 1), new Fee(BigDecimal.ONE)),
                Map.of("x", new Item("a", 1)),
                Optional.of(new Fee(BigDecimal.ONE)),
                List.of(List.of(new Item("a", 1))),
                List.of((Object) new Object[] {new Item("a", 1)}));
    }

    @ParameterizedTest
    @MethodSource("collectionsThatLoseTheirTypes")
    void rootCollectionsOfPolymorphicElementsAreRejected(Object value) {
        assertThatThrownBy(() -> json.write(value))
                .hasMessageContaining("@JsonTypeInfo")
                .hasMessageContaining("List<Base>");
    }

    /** A path iterates over itself, and a one-shot iterable is empty after its first use. */
    @Test
    void iterablesThatAreNoCollectionsAreWrittenAsTheyAre() {
        Iterator<Integer> once = List.of(1, 2).iterator();
        assertThat(json.write(Map.of("file", Path.of("reports/x")))).contains("reports/x");
        assertThat(json.write((Iterable<Integer>) () -> once)).isEqualTo("[1,2]");
        assertThatThrownBy(() -> json.write(List.of(1).iterator())).hasMessageContaining("give a list");
        assertThatThrownBy(() -> json.write(Stream.of(1))).hasMessageContaining("give a list");
    }

    private record Envelope<P>(P payload) {}

    private record Anything(Object value) {}

    private record Elements(List<?> elements) {}

    private static final class Lines extends ArrayList<Line> {

        private static final long serialVersionUID = 1;
    }

    static Stream<Object> valuesWithoutTypeIds() {
        Line fee = new Fee(BigDecimal.ONE);
        Iterable<Line> iterable = () -> List.of(fee).iterator();
        return Stream.of(
                new Envelope<>(fee),
                new Anything(fee),
                new Elements(List.of(fee)),
                new Anything(Map.of("k", fee)),
                List.of(new Envelope<>(fee)),
                Map.entry("k", fee),
                new Anything(iterable),
                new Object[][] {{fee}},
                new AtomicReference<>(fee));
    }

    @ParameterizedTest
    @MethodSource("valuesWithoutTypeIds")
    void objectsWhoseTypeIdIsNotWrittenAreRejected(Object value) {
        assertThatThrownBy(() -> json.write(value))
                .hasMessageContaining("@JsonTypeInfo")
                .hasMessageContaining("List<Base>");
    }

    @Test
    void collectionWithADeclaredElementTypeIsReadBack() {
        Lines lines = new Lines();
        lines.add(new Item("a", 1));

        assertThat(json.read(json.write(lines), Lines.class)).isEqualTo(lines);
    }

    @Test
    void typesThatAreDeclaredAreWritten() {
        record Order(List<Line> lines) {}
        assertThat(json.write(new Order(List.of(new Fee(BigDecimal.ONE))))).contains("\"kind\":\"fee\"");
        assertThat(json.write(new Line[] {new Item("a", 1)})).contains("\"kind\":\"item\"");
        assertThat(json.write(new Item("a", 1))).contains("\"kind\":\"item\"");
        assertThat(json.write(List.of("a", 1, Map.of("b", List.of(2))))).isEqualTo("[\"a\",1,{\"b\":[2]}]");
    }
}
