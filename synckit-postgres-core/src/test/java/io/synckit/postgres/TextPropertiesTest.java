package io.synckit.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;

import io.synckit.InvalidConfigException;
import io.synckit.InvalidVersionException;
import io.synckit.Version;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;

/** Texts from outside are accepted, or refused by a named exception. Events and filters are generated in {@link RandomEventsTest}. */
class TextPropertiesTest {

    /** Versions come from query parameters, from the SSE header {@code Last-Event-ID}, and from files. */
    @Property
    void versionIsReadOrRefused(@ForAll("versions") String text) {
        try {
            Version version = Version.parse(text);
            assertThat(Version.parse(version.toString())).isEqualTo(version);
            assertThat(version.value()).isNotNegative();
        } catch (InvalidVersionException e) {
            assertThat(e).hasMessageNotContaining("\n");
        }
    }

    @Provide
    Arbitrary<String> versions() {
        return Arbitraries.oneOf(
                Arbitraries.strings(),
                Arbitraries.longs().map(String::valueOf),
                Arbitraries.bigIntegers().map(String::valueOf),
                Arbitraries.strings().withChars("0123456789+-. eEx٣").ofMaxLength(22));
    }

    @Property
    void nameOfTheTableIsAcceptedOrRefused(@ForAll("names") String schema, @ForAll("names") String table) {
        try {
            Config config = Config.builder().schema(schema).tableName(table).build();
            assertThat(config.schema() + config.tableName()).doesNotContain("\"", "\0");
        } catch (InvalidConfigException e) {
            assertThat(e.getMessage()).isNotBlank();
        }
    }

    @Provide
    Arbitrary<String> names() {
        return Arbitraries.oneOf(
                Arbitraries.strings(),
                Arbitraries.strings().alpha().numeric().withChars("_\"'.; $").ofMaxLength(70));
    }

    @Property
    void connectionStringIsAcceptedOrRefused(@ForAll("connectionStrings") String text) {
        assertThatCode(() -> {
                    try {
                        ConnectionString.of(text);
                    } catch (InvalidConfigException e) {
                        // Expected for invalid input.
                    }
                })
                .doesNotThrowAnyException();
    }

    @Property
    void passwordIsNeverInTheMessage(@ForAll("connectionStrings") String text) {
        String secret = "s3cr3t-pa55";
        try {
            ConnectionString.of("postgres://shop:" + secret + "@" + text);
        } catch (InvalidConfigException e) {
            assertThat(e.getMessage()).doesNotContain(secret);
        }
    }

    @Provide
    Arbitrary<String> connectionStrings() {
        Arbitrary<String> rest = Arbitraries.oneOf(
                Arbitraries.strings(),
                Arbitraries.strings()
                        .alpha()
                        .numeric()
                        .withChars(":/@?&=%#[],. ")
                        .ofMaxLength(60));
        return Arbitraries.oneOf(
                rest,
                rest.map(text -> "postgres://" + text),
                rest.map(text -> "postgresql://" + text),
                rest.map(text -> "jdbc:postgresql:" + text),
                rest.map(text -> "jdbc:postgresql://" + text));
    }
}
