package io.synckit.postgres.boot.autoconfigure;

import static org.assertj.core.api.Assertions.assertThat;

import io.synckit.postgres.Config;
import io.synckit.postgres.ConfigBuilder;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.StreamSupport;
import org.assertj.core.api.recursive.comparison.RecursiveComparisonConfiguration;
import org.assertj.core.api.recursive.comparison.RecursiveComparisonDifferenceCalculator;
import org.junit.jupiter.api.Test;
import org.springframework.boot.context.properties.bind.Binder;
import org.springframework.boot.context.properties.source.MapConfigurationPropertySource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The settings, their metadata for the IDE and the table in the README say the same. */
class SettingsTest {

    private static SynckitPostgresProperties bind(Map<String, String> properties) {
        return new Binder(new MapConfigurationPropertySource(properties))
                .bindOrCreate("synckit.postgres", SynckitPostgresProperties.class);
    }

    @Test
    void defaultsAreThoseOfTheCore() {
        assertThat(bind(Map.of()).toConfig()).usingRecursiveComparison().isEqualTo(Config.defaults());
        assertThat(bind(Map.of()).enabled()).isTrue();
        assertThat(bind(Map.of()).enableMetrics()).isTrue();
    }

    @Test
    void everySettingReachesTheStore() {
        Map<String, String> changed = Map.ofEntries(
                Map.entry("url", "jdbc:postgresql://h/d"),
                Map.entry("username", "u"),
                Map.entry("password", "p"),
                Map.entry("schema", "s"),
                Map.entry("table-name", "t"),
                Map.entry("max-open-conns", "11"),
                Map.entry("max-idle-conns", "9"),
                Map.entry("conn-max-lifetime", "2h"),
                Map.entry("conn-max-idle-time", "3m"),
                Map.entry("notification-timeout", "4s"),
                Map.entry("reconnect-interval", "6s"),
                Map.entry("max-reconnect-attempts", "7"),
                Map.entry("notify.mode", "off"),
                Map.entry("listener.url", "jdbc:postgresql://l/d"),
                Map.entry("batch-size", "8"),
                Map.entry("enable-prepared-stmts", "false"),
                Map.entry("allow-async", "false"),
                Map.entry("async-lanes", "5"),
                Map.entry("reject-async-when-full", "true"),
                Map.entry("max-event-size", "9KB"));
        List<String> unchanged = new ArrayList<>();
        changed.forEach((name, value) -> {
            Config config = bind(Map.of("synckit.postgres." + name, value)).toConfig();
            if (!new RecursiveComparisonDifferenceCalculator()
                    .determineDifferences(config, Config.defaults(), new RecursiveComparisonConfiguration())
                    .isEmpty()) {
                return;
            }
            unchanged.add(name);
        });
        assertThat(unchanged).as("settings without an effect").isEmpty();
        long settings = Arrays.stream(ConfigBuilder.class.getMethods())
                .filter(method -> method.getReturnType() == ConfigBuilder.class)
                .count();
        assertThat(changed).hasSize((int) settings);
    }

    @Test
    void everySettingIsDescribedAndHasItsDefaultInTheMetadata() throws IOException {
        for (JsonNode property : metadata()) {
            assertThat(property.path("description").asString())
                    .as("%s", property)
                    .isNotBlank()
                    .endsWith(".");
        }
        assertThat(metadata()).hasSizeGreaterThan(20);
    }

    /** {@code | `name` | default | description |}, one row for each. */
    @Test
    void pageListsTheMetadata() throws IOException {
        List<String> rows = new ArrayList<>();
        for (JsonNode property : metadata()) {
            JsonNode value = property.path("defaultValue");
            rows.add("| `" + property.path("name").asString() + "` | "
                    + (value.isMissingNode() ? "" : "`" + value.asString() + "`") + " | "
                    + property.path("description").asString() + " |");
        }
        List<String> page = Files.readAllLines(Path.of("..", "docs", "settings.md")).stream()
                .filter(line -> line.startsWith("| `"))
                .toList();

        assertThat(page).containsExactlyInAnyOrderElementsOf(rows);
    }

    private static List<JsonNode> metadata() throws IOException {
        try (InputStream stream =
                SettingsTest.class.getResourceAsStream("/META-INF/spring-configuration-metadata.json")) {
            JsonNode metadata = JsonMapper.shared().readTree(stream);
            return StreamSupport.stream(metadata.path("properties").spliterator(), false)
                    .toList();
        }
    }
}
