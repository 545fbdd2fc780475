package io.synckit.postgres.boot.autoconfigure;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.synckit.postgres.testing.TestDatabase;
import io.synckit.postgres.testing.TestPostgres;
import io.synckit.postgres.testing.TransactionPooler;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import javax.sql.DataSource;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.postgresql.ds.PGSimpleDataSource;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.autoconfigure.ImportAutoConfiguration;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.boot.jdbc.autoconfigure.DataSourceAutoConfiguration;
import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/** A start that fails says what is wrong and what to write. */
@ExtendWith(OutputCaptureExtension.class)
class FailureAnalysisTest {

    private static final Path PAGE = Path.of("..", "docs", "troubleshooting.md");

    /** Starts it for real. What it prints is to be in the page, word for word but for what is named. */
    private static void start(CapturedOutput output, Class<?> application, List<String> names, String... properties)
            throws IOException {
        List<String> all = new ArrayList<>(List.of(properties));
        all.add("spring.main.banner-mode=off");
        Throwable failure = catchThrowable(() -> new SpringApplicationBuilder(application)
                .web(WebApplicationType.NONE)
                .properties(all.toArray(new String[0]))
                .run()
                .close());
        assertThat(failure).isNotNull();
        String printed = output.toString();
        assertThat(printed).contains("APPLICATION FAILED TO START").doesNotContain("\tat io.synckit");
        String description = between(printed, "Description:\n\n", "\n\nAction:");
        String action = printed.substring(printed.indexOf("Action:\n\n") + "Action:\n\n".length())
                .strip();
        for (String name : names) {
            description = description.replace(name, "…");
        }
        String page = Files.readString(PAGE);
        assertThat(page).contains("\n" + description.strip() + "\n");
        assertThat(action).startsWith(action(page, description));
    }

    private static String between(String text, String begin, String end) {
        int from = text.indexOf(begin) + begin.length();
        return text.substring(from, text.indexOf(end, from));
    }

    /** The block that follows in the page. */
    private static String action(String page, String description) {
        String rest = page.substring(page.indexOf("\n" + description.strip() + "\n"));
        String fromAction = rest.substring(rest.indexOf("```text\n", 1) + "```text\n".length());
        String action = fromAction.substring(0, fromAction.indexOf("\n```"));
        assertThat(action).isNotBlank();
        return action;
    }

    @Test
    void noDataSource(CapturedOutput output) throws IOException {
        start(output, WithoutDataSource.class, List.of());
    }

    @Test
    void severalDataSources(CapturedOutput output) throws IOException {
        start(output, TwoDataSources.class, List.of());
    }

    @Test
    void invalidSetting(CapturedOutput output) throws IOException {
        start(
                output,
                OneDataSource.class,
                List.of(),
                "spring.datasource.url=jdbc:postgresql://localhost:1/x",
                "synckit.postgres.max-idle-conns=26");
    }

    @Test
    void missingSchema(CapturedOutput output) throws IOException {
        try (TestDatabase database = TestPostgres.shared().emptyDatabase()) {
            start(
                    output,
                    OneDataSource.class,
                    List.of(),
                    "spring.datasource.url=" + database.url(),
                    "synckit.postgres.migration.mode=validate");
        }
    }

    @Test
    void olderSchema(CapturedOutput output) throws IOException {
        try (TestDatabase database = TestPostgres.shared().migratedDatabase()) {
            database.execute("create or replace function synckit.events_schema_version() returns integer"
                    + " language sql immutable parallel safe as 'select 1'");
            start(
                    output,
                    OneDataSource.class,
                    List.of(),
                    "spring.datasource.url=" + database.url(),
                    "synckit.postgres.migration.mode=validate");
        }
    }

    @Test
    void newerSchema(CapturedOutput output) throws IOException {
        try (TestDatabase database = TestPostgres.shared().migratedDatabase()) {
            database.execute("create or replace function synckit.events_schema_version() returns integer"
                    + " language sql immutable parallel safe as 'select 4'");
            start(output, OneDataSource.class, List.of(), "spring.datasource.url=" + database.url());
        }
    }

    @Test
    void roleThatMayNotRead(CapturedOutput output) throws IOException {
        try (TestDatabase database = TestPostgres.shared().migratedDatabase()) {
            String role = "nobody_" + database.name();
            database.execute("create role " + role);
            start(
                    output,
                    OneDataSource.class,
                    List.of(),
                    "spring.datasource.url=" + database.url("options=-c%20role%3D" + role),
                    "synckit.postgres.migration.mode=validate");
            database.execute("drop role " + role);
        }
    }

    /** The role may read the table, but not the sequence. */
    @Test
    void roleThatMayOnlySelect(CapturedOutput output) throws IOException {
        try (TestDatabase database = TestPostgres.shared().migratedDatabase()) {
            String role = "reader_" + database.name();
            database.execute(
                    "create role " + role,
                    "grant usage on schema synckit to " + role,
                    "grant select on all tables in schema synckit to " + role);
            start(
                    output,
                    OneDataSource.class,
                    List.of(database.name()),
                    "spring.datasource.url=" + database.url("options=-c%20role%3D" + role),
                    "synckit.postgres.migration.mode=validate");
            database.execute("drop owned by " + role, "drop role " + role);
        }
    }

    @Test
    void roleThatMayNotMigrate(CapturedOutput output) throws IOException {
        try (TestDatabase database = TestPostgres.shared().emptyDatabase()) {
            String role = "nobody_" + database.name();
            database.execute("create role " + role);
            start(
                    output,
                    OneDataSource.class,
                    List.of(database.name()),
                    "spring.datasource.url=" + database.url("options=-c%20role%3D" + role));
            database.execute("drop role " + role);
        }
    }

    @Test
    void unreachableDatabase(CapturedOutput output) throws IOException {
        start(
                output,
                OneDataSource.class,
                List.of(),
                "spring.datasource.url=jdbc:postgresql://localhost:1/x",
                "spring.datasource.password=s3cret",
                "spring.datasource.hikari.connection-timeout=5000");
        assertThat(output).doesNotContain("s3cret");
    }

    @Test
    void listenerThatCannotConnect(CapturedOutput output) throws IOException {
        try (TestDatabase database = TestPostgres.shared().emptyDatabase()) {
            start(
                    output,
                    OneDataSource.class,
                    List.of(),
                    "spring.datasource.url=" + database.url(),
                    "synckit.postgres.listener.url=jdbc:postgresql://localhost:1/x",
                    "synckit.postgres.listener.required=true");
        }
    }

    @Test
    void anotherDatabase(CapturedOutput output) throws IOException {
        start(output, OneDataSource.class, List.of(), "spring.datasource.url=jdbc:h2:mem:analysis");
    }

    @Test
    void poolerInFrontOfTheListener(CapturedOutput output) throws IOException {
        try (TestDatabase database = TestPostgres.shared().emptyDatabase();
                TransactionPooler pooler = new TransactionPooler(database.host(), database.port())) {
            start(
                    output,
                    OneDataSource.class,
                    List.of(),
                    "spring.datasource.url=" + database.url(),
                    "synckit.postgres.listener.url=" + database.urlAt("localhost:" + pooler.port()),
                    "synckit.postgres.listener.required=true");
        }
    }

    @Configuration(proxyBeanMethods = false)
    @ImportAutoConfiguration(SynckitPostgresAutoConfiguration.class)
    static class WithoutDataSource {}

    @Configuration(proxyBeanMethods = false)
    @ImportAutoConfiguration({DataSourceAutoConfiguration.class, SynckitPostgresAutoConfiguration.class})
    static class OneDataSource {}

    @Configuration(proxyBeanMethods = false)
    @ImportAutoConfiguration(SynckitPostgresAutoConfiguration.class)
    static class TwoDataSources {

        @Bean
        DataSource billing() {
            return new PGSimpleDataSource();
        }

        @Bean
        DataSource orders() {
            return new PGSimpleDataSource();
        }
    }
}
