package io.synckit.postgres.boot.autoconfigure;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.synckit.postgres.testing.TestDatabase;
import io.synckit.postgres.testing.TestPostgres;
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

    private static void start(Class<?> application, String... properties) {
        List<String> all = new ArrayList<>(List.of(properties));
        all.add("spring.main.banner-mode=off");
        Throwable failure = catchThrowable(() -> new SpringApplicationBuilder(application)
                .web(WebApplicationType.NONE)
                .properties(all.toArray(new String[0]))
                .run()
                .close());
        assertThat(failure).isNotNull();
    }

    @Test
    void noDataSource(CapturedOutput output) {
        start(WithoutDataSource.class);
        assertThat(output)
                .contains(
                        "APPLICATION FAILED TO START",
                        "found no DataSource",
                        "synckit.postgres.url: jdbc:postgresql://host/database");
    }

    @Test
    void severalDataSources(CapturedOutput output) {
        start(TwoDataSources.class);
        assertThat(output)
                .contains(
                        "APPLICATION FAILED TO START",
                        "several DataSources",
                        "[billing, orders]",
                        "@io.synckit.postgres.boot.SynckitDataSource");
    }

    @Test
    void aSettingThatCannotBe(CapturedOutput output) {
        start(
                OneDataSource.class,
                "spring.datasource.url=jdbc:postgresql://localhost:1/x",
                "synckit.postgres.max-idle-conns=26");
        assertThat(output)
                .contains(
                        "APPLICATION FAILED TO START", "maxIdleConns is 26", "Correct synckit.postgres.max-idle-conns");
    }

    @Test
    void aSchemaThatIsNotThere(CapturedOutput output) {
        try (TestDatabase database = TestPostgres.shared().emptyDatabase()) {
            start(
                    OneDataSource.class,
                    "spring.datasource.url=" + database.url(),
                    "synckit.postgres.migration.mode=validate");
            assertThat(output)
                    .contains(
                            "APPLICATION FAILED TO START",
                            "there is no table synckit.events",
                            "synckit.postgres.migration.mode: migrate");
        }
    }

    @Test
    void aRoleThatMayNotRead(CapturedOutput output) {
        try (TestDatabase database = TestPostgres.shared().migratedDatabase()) {
            String role = "nobody_" + database.name();
            database.execute("create role " + role);
            start(
                    OneDataSource.class,
                    "spring.datasource.url=" + database.url("options=-c%20role%3D" + role),
                    "synckit.postgres.migration.mode=validate");
            database.execute("drop role " + role);
            assertThat(output)
                    .contains("APPLICATION FAILED TO START", "permission denied", "GRANT USAGE ON SCHEMA synckit");
        }
    }

    @Test
    void aDatabaseThatRefuses(CapturedOutput output) {
        start(
                OneDataSource.class,
                "spring.datasource.url=jdbc:postgresql://localhost:1/x",
                "spring.datasource.password=s3cret",
                "spring.datasource.hikari.connection-timeout=250");
        assertThat(output)
                .contains("APPLICATION FAILED TO START", "Check that PostgreSQL runs")
                .doesNotContain("s3cret");
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
