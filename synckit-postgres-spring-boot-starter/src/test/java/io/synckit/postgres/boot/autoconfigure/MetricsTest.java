package io.synckit.postgres.boot.autoconfigure;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.synckit.Event;
import io.synckit.EventStore;
import io.synckit.Version;
import io.synckit.postgres.testing.TestDatabase;
import io.synckit.postgres.testing.TestPostgres;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.jdbc.autoconfigure.DataSourceAutoConfiguration;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;

class MetricsTest {

    private TestDatabase database;
    private ApplicationContextRunner runner;

    @BeforeEach
    void open() {
        database = TestPostgres.shared().migratedDatabase();
        runner = new ApplicationContextRunner()
                .withConfiguration(AutoConfigurations.of(
                        DataSourceAutoConfiguration.class,
                        SynckitPostgresMetricsAutoConfiguration.class,
                        SynckitPostgresAutoConfiguration.class))
                .withPropertyValues("spring.datasource.url=" + database.url());
    }

    @AfterEach
    void close() {
        database.close();
    }

    private static void useEverything(EventStore store) {
        Event event = Event.of("a", "T", 1);
        store.store(event);
        store.storeBatch(List.of(Event.of("a", "T", 2), Event.of("a", "T", 3)));
        store.load(Version.ZERO);
        assertThat(catchThrowable(() -> store.store(event))).isNotNull();
    }

    @Test
    void operationsAreCountedAndTimed() {
        runner.withBean(MeterRegistry.class, SimpleMeterRegistry::new).run(context -> {
            useEverything(context.getBean(EventStore.class));
            MeterRegistry registry = context.getBean(MeterRegistry.class);
            assertThat(registry.get("synckit.operations")
                            .tags("operation", "store", "error", "none")
                            .timer()
                            .count())
                    .isEqualTo(1);
            assertThat(registry.get("synckit.operations")
                            .tags("operation", "store", "error", "DuplicateEventException")
                            .timer()
                            .count())
                    .isEqualTo(1);
            assertThat(registry.get("synckit.events")
                            .tags("operation", "store")
                            .counter()
                            .count())
                    .isEqualTo(1);
            assertThat(registry.get("synckit.events")
                            .tags("operation", "storeBatch")
                            .counter()
                            .count())
                    .isEqualTo(2);
            assertThat(registry.get("synckit.events")
                            .tags("operation", "load")
                            .counter()
                            .count())
                    .isEqualTo(3);
        });
    }

    @Test
    void theyCanBeSwitchedOff() {
        runner.withBean(MeterRegistry.class, SimpleMeterRegistry::new)
                .withPropertyValues("synckit.postgres.enable-metrics=false")
                .run(context -> {
                    useEverything(context.getBean(EventStore.class));
                    assertThat(context.getBean(MeterRegistry.class).getMeters()).isEmpty();
                });
    }

    @Test
    void withoutARegistryThereAreNone() {
        runner.run(context -> {
            useEverything(context.getBean(EventStore.class));
            assertThat(context).doesNotHaveBean(OperationMetrics.class);
        });
    }

    /** Rows of docs/metrics.md: name, type, unit, tags. */
    @Test
    void thePageHasWhatIsRegistered() throws IOException {
        Set<String> documented = Pattern.compile("(?m)^\\| `(synckit[^`]*)` \\| (\\w+) \\| (\\w+) \\| ([^|]*) \\|")
                .matcher(Files.readString(Path.of("..", "docs", "metrics.md")))
                .results()
                .map(row -> row.group(1) + " " + row.group(2) + " " + row.group(3) + " "
                        + new TreeSet<>(List.of(row.group(4).replace("`", "").split(", "))))
                .collect(Collectors.toSet());
        runner.withBean(MeterRegistry.class, SimpleMeterRegistry::new).run(context -> {
            useEverything(context.getBean(EventStore.class));
            Set<String> registered = context.getBean(MeterRegistry.class).getMeters().stream()
                    .map(Meter::getId)
                    .map(id -> id.getName() + " " + id.getType().name().toLowerCase() + " " + id.getBaseUnit() + " "
                            + new TreeSet<>(id.getTags().stream()
                                    .map(tag -> tag.getKey())
                                    .toList()))
                    .collect(Collectors.toSet());
            assertThat(documented).isEqualTo(registered);
        });
    }
}
