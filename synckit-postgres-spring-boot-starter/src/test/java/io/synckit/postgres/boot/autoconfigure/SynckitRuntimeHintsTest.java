package io.synckit.postgres.boot.autoconfigure;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.springframework.aot.hint.RuntimeHints;
import org.springframework.aot.hint.predicate.RuntimeHintsPredicates;

class SynckitRuntimeHintsTest {

    @ParameterizedTest
    @ValueSource(
            strings = {"V1__events_table.sql", "R__functions.sql", "R__notify_mode.sql", "R__optional_indexes.sql"})
    void migrationsAreInANativeImage(String script) {
        RuntimeHints hints = new RuntimeHints();
        new SynckitRuntimeHints().registerHints(hints, getClass().getClassLoader());

        String resource = "io/synckit/postgres/schema/migration/" + script;
        assertThat(RuntimeHintsPredicates.resource().forResource(resource)).accepts(hints);
        assertThat(getClass().getClassLoader().getResource(resource)).isNotNull();
    }
}
