package io.synckit.postgres.boot.autoconfigure;

import static org.assertj.core.api.Assertions.assertThat;
import static org.mockito.Mockito.mock;

import com.zaxxer.hikari.HikariDataSource;
import io.synckit.ConnectionSource;
import io.synckit.Event;
import io.synckit.EventStore;
import io.synckit.InvalidConfigException;
import io.synckit.InvalidConnectionException;
import io.synckit.InvalidEventException;
import io.synckit.JsonCodec;
import io.synckit.SchemaException;
import io.synckit.Version;
import io.synckit.postgres.Config;
import io.synckit.postgres.PostgresEventStore;
import io.synckit.postgres.RealtimeEventStore;
import io.synckit.postgres.boot.EventStoreComponents;
import io.synckit.postgres.boot.SynckitDataSource;
import io.synckit.postgres.boot.SynckitJsonMapperCustomizer;
import io.synckit.postgres.internal.json.JacksonJson;
import io.synckit.postgres.schema.SchemaMigrator;
import io.synckit.postgres.testing.TestDatabase;
import io.synckit.postgres.testing.TestPostgres;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Pattern;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.mockito.AdditionalAnswers;
import org.postgresql.ds.PGSimpleDataSource;
import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.jackson.autoconfigure.JacksonAutoConfiguration;
import org.springframework.boot.jdbc.autoconfigure.DataSourceAutoConfiguration;
import org.springframework.boot.jdbc.autoconfigure.JdbcConnectionDetails;
import org.springframework.boot.jdbc.autoconfigure.JdbcTemplateAutoConfiguration;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Primary;
import org.springframework.jdbc.core.JdbcTemplate;
import org.springframework.jdbc.datasource.LazyConnectionDataSourceProxy;
import tools.jackson.core.JsonGenerator;
import tools.jackson.databind.JacksonModule;
import tools.jackson.databind.PropertyNamingStrategies;
import tools.jackson.databind.SerializationContext;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.module.SimpleModule;
import tools.jackson.databind.ser.std.StdSerializer;

class AutoConfigurationTest {

    private TestDatabase database;
    private ApplicationContextRunner runner;

    @BeforeEach
    void open() {
        database = TestPostgres.shared().emptyDatabase();
        runner = new ApplicationContextRunner()
                .withConfiguration(AutoConfigurations.of(
                        DataSourceAutoConfiguration.class,
                        JdbcTemplateAutoConfiguration.class,
                        JacksonAutoConfiguration.class,
                        SynckitPostgresDataSourceAutoConfiguration.class,
                        SynckitPostgresAutoConfiguration.class));
    }

    @AfterEach
    void close() {
        database.close();
    }

    private ApplicationContextRunner withApplicationsDataSource() {
        return runner.withPropertyValues("spring.datasource.url=" + database.url());
    }

    // which database

    @Test
    void schemaIsCreatedBeforeBeansUseTheDataSource() {
        withApplicationsDataSource().run(context -> {
            assertThat(context).hasSingleBean(DataSource.class).hasSingleBean(RealtimeEventStore.class);
            context.getBean(EventStore.class).store(Event.of("a", "T", 1));
            assertThat(context.getBean(JdbcTemplate.class)
                            .queryForObject("select count(*) from synckit.events", Integer.class))
                    .isEqualTo(1);
            assertThat(context.getBeanFactory()
                            .getBeanDefinition("jdbcTemplate")
                            .getDependsOn())
                    .contains("synckitSchemaInitializer");
        });
    }

    @Test
    void poolOfOneConnectionIsSufficient() {
        withApplicationsDataSource()
                .withPropertyValues(
                        "spring.datasource.hikari.maximum-pool-size=1",
                        "spring.datasource.hikari.connection-timeout=30000")
                .run(context -> assertThat(context.getBean(EventStore.class).latestVersion())
                        .isEqualTo(Version.ZERO));
    }

    @Test
    void connectionDetailsAreUsed() {
        runner.withBean(JdbcConnectionDetails.class, () -> new Details(database.url()))
                .run(context -> context.getBean(EventStore.class).store(Event.of("a", "T", 1)));

        assertThat(database.query("select count(*) from synckit.events")).isEqualTo("1");
    }

    private record Details(String url) implements JdbcConnectionDetails {
        @Override
        public String getUsername() {
            return null;
        }

        @Override
        public String getPassword() {
            return null;
        }

        @Override
        public String getJdbcUrl() {
            return url;
        }
    }

    @Test
    void separateUrlCreatesADedicatedPool() {
        try (TestDatabase own = TestPostgres.shared().emptyDatabase()) {
            withApplicationsDataSource()
                    .withPropertyValues("synckit.postgres.url=" + own.url())
                    .run(context -> {
                        assertThat(context.getBeansOfType(DataSource.class)).hasSize(2);
                        context.getBean(EventStore.class).store(Event.of("a", "T", 1));
                        assertThat(own.query("select count(*) from synckit.events"))
                                .isEqualTo("1");
                        assertThat(database.query("select to_regclass('synckit.events')"))
                                .isNull();
                        // An injected DataSource is that of the application.
                        assertThat(context.getBean(JdbcTemplate.class)
                                        .queryForObject("select current_database()", String.class))
                                .isEqualTo(database.name());
                        HikariDataSource pool = context.getBean("synckitDataSource", HikariDataSource.class);
                        assertThat(pool.getMaximumPoolSize()).isEqualTo(25);
                        assertThat(pool.getMinimumIdle()).isEqualTo(10);
                        assertThat(pool.getMaxLifetime())
                                .isEqualTo(Duration.ofHours(1).toMillis());
                        assertThat(pool.getIdleTimeout())
                                .isEqualTo(Duration.ofMinutes(15).toMillis());
                    });
        }
    }

    @Test
    void separateUrlIsSufficientWithoutADataSource() {
        runner.withPropertyValues(
                        "synckit.postgres.url=" + database.url(),
                        "synckit.postgres.max-open-conns=3",
                        "synckit.postgres.max-idle-conns=2",
                        "synckit.postgres.conn-max-lifetime=10m",
                        "synckit.postgres.conn-max-idle-time=1m")
                .run(context -> {
                    assertThat(context).hasSingleBean(DataSource.class);
                    context.getBean(EventStore.class).store(Event.of("a", "T", 1));
                    HikariDataSource pool = context.getBean(HikariDataSource.class);
                    assertThat(pool.getMaximumPoolSize()).isEqualTo(3);
                    assertThat(pool.getMinimumIdle()).isEqualTo(2);
                    assertThat(pool.getMaxLifetime()).isEqualTo(600_000);
                    assertThat(pool.getIdleTimeout()).isEqualTo(60_000);
                });
    }

    @Test
    void ofSeveralDataSourcesTheMarkedOneIsUsed() {
        runner.withUserConfiguration(Several.class)
                .withBean("marked", DatabaseUrl.class, () -> new DatabaseUrl(database.url()))
                .run(context -> assertThat(context.getBean(EventStore.class).latestVersion())
                        .isEqualTo(Version.ZERO));

        assertThat(database.query("select to_regclass('synckit.events') is not null"))
                .isEqualTo("t");
    }

    record DatabaseUrl(String url) {}

    @Configuration(proxyBeanMethods = false)
    static class Several {

        @Bean
        DataSource unusable() {
            return mock(DataSource.class);
        }

        @Bean
        @Primary
        DataSource alsoUnusable() {
            return mock(DataSource.class);
        }

        @Bean
        @SynckitDataSource
        DataSource events(DatabaseUrl url) {
            PGSimpleDataSource dataSource = new PGSimpleDataSource();
            dataSource.setUrl(url.url());
            return dataSource;
        }
    }

    @Test
    void ofSeveralDataSourcesNoneIsGuessed() {
        runner.withBean("one", DataSource.class, () -> mock(DataSource.class))
                .withBean("two", DataSource.class, () -> mock(DataSource.class))
                .run(context -> assertThat(context)
                        .getFailure()
                        .rootCause()
                        .isInstanceOf(NoUniqueDataSourceException.class)
                        .hasMessageContaining("[one, two]"));
    }

    @Test
    void lazyDataSourceIsUsed() {
        runner.withBean(DataSource.class, () -> {
                    HikariDataSource pool = new HikariDataSource();
                    pool.setJdbcUrl(database.url());
                    return new LazyConnectionDataSourceProxy(pool);
                })
                .run(context -> {
                    context.getBean(EventStore.class).store(Event.of("a", "T", 1));
                    assertThat(context.getBean(EventStore.class).stats().pool()).isPresent();
                });
    }

    @Test
    void dataSourceWithoutUrlIsUsedUnchanged() {
        DataSource opaque = new org.springframework.jdbc.datasource.AbstractDataSource() {
            @Override
            public java.sql.Connection getConnection() throws java.sql.SQLException {
                return database.connect();
            }

            @Override
            public java.sql.Connection getConnection(String username, String password) throws java.sql.SQLException {
                return database.connect();
            }
        };
        runner.withBean(DataSource.class, () -> opaque)
                .run(context -> context.getBean(EventStore.class).store(Event.of("a", "T", 1)));
    }

    @Test
    void otherDatabaseIsRejected() {
        runner.withPropertyValues("spring.datasource.url=jdbc:h2:mem:test;DB_CLOSE_DELAY=-1")
                .run(context -> assertThat(context)
                        .getFailure()
                        .rootCause()
                        .isInstanceOf(InvalidConnectionException.class)
                        .hasMessageContaining("the database is H2"));
    }

    // switches

    @Test
    void switchedOffItLeavesNothingBehind() {
        withApplicationsDataSource()
                .withPropertyValues("synckit.postgres.enabled=false", "synckit.postgres.url=" + database.url())
                .run(context -> {
                    assertThat(context.getBeanDefinitionNames())
                            .noneMatch(name -> name.toLowerCase().contains("synckit"));
                    assertThat(context).doesNotHaveBean(EventStore.class).hasSingleBean(DataSource.class);
                });
        assertThat(database.query("select count(*) from pg_namespace where nspname = 'synckit'"))
                .isEqualTo("0");
    }

    @Test
    void secondStoreWorksBesideTheFirst() {
        withApplicationsDataSource()
                .withUserConfiguration(AuditLog.class)
                .withPropertyValues("synckit.postgres.listener.enabled=true")
                .run(context -> {
                    assertThat(context).hasNotFailed().hasSingleBean(RealtimeEventStore.class);
                    assertThat(context).hasSingleBean(SynckitListenerLifecycle.class);
                    RealtimeEventStore store = context.getBean(RealtimeEventStore.class);
                    store.store(Event.of("a", "T", 1));
                    context.getBean("auditLog", EventStore.class).store(Event.of("a", "T", 2));
                    assertThat(store.load(Version.ZERO)).hasSize(1);
                    assertThat(context.getBean(EventStore.class)).isSameAs(store);
                });
        withApplicationsDataSource()
                .withUserConfiguration(AuditLog.class)
                .withPropertyValues("synckit.postgres.listener.enabled=false")
                .run(context -> {
                    assertThat(context).hasNotFailed();
                    context.getBean("postgresEventStore", EventStore.class).store(Event.of("a", "T", 3));
                });
        assertThat(database.query("select count(*) from synckit.events")).isEqualTo("2");
        assertThat(database.query("select count(*) from synckit.audit")).isEqualTo("1");
    }

    @Configuration(proxyBeanMethods = false)
    static class AuditLog {

        @Bean(defaultCandidate = false)
        PostgresEventStore auditLog(DataSource dataSource) {
            new SchemaMigrator(dataSource, "synckit", "audit", SchemaMigrator.Options.DEFAULTS).migrate();
            return PostgresEventStore.on(
                    dataSource, Config.builder().tableName("audit").build());
        }
    }

    @Test
    void decoratorWrapsTheStore() {
        withApplicationsDataSource().withUserConfiguration(Decorated.class).run(context -> {
            assertThat(context).hasNotFailed().hasSingleBean(SynckitListenerLifecycle.class);
            assertThat(context.getBean(EventStore.class)).isSameAs(context.getBean("decorated"));
            context.getBean(EventStore.class).store(Event.of("a", "T", 1));
            assertThat(context.getBean(RealtimeEventStore.class).load(Version.ZERO))
                    .hasSize(1);
        });
    }

    @Configuration(proxyBeanMethods = false)
    static class Decorated {

        @Bean
        @Primary
        EventStore decorated(RealtimeEventStore delegate) {
            return mock(EventStore.class, AdditionalAnswers.delegatesTo(delegate));
        }
    }

    @Test
    void realtimeStoreOfTheApplicationReplacesTheDefault() {
        withApplicationsDataSource().withUserConfiguration(OwnStore.class).run(context -> {
            assertThat(context).hasNotFailed().hasSingleBean(RealtimeEventStore.class);
            assertThat(context).doesNotHaveBean(EventStoreComponents.class);
            assertThat(context.getBean(SynckitListenerLifecycle.class).isRunning())
                    .isTrue();
        });
    }

    @Configuration(proxyBeanMethods = false)
    static class OwnStore {

        @Bean
        RealtimeEventStore own(DataSource dataSource) {
            return RealtimeEventStore.on(dataSource, dataSource, Config.defaults());
        }
    }

    @Test
    void beansOfTheApplicationsAreUsed() {
        JsonCodec codec = new JacksonJson();
        withApplicationsDataSource()
                .withBean(JsonCodec.class, () -> codec)
                .withBean(ConnectionSource.class, () -> ConnectionSource.of(database.pool()))
                .run(context -> {
                    assertThat(context.getBean(JsonCodec.class)).isSameAs(codec);
                    assertThat(context).hasSingleBean(ConnectionSource.class);
                });
    }

    /** Stored events do not depend on the JSON settings of the application. */
    @Test
    void settingsOfTheApplicationsJsonDoNotAffectTheLog() {
        withApplicationsDataSource()
                .withPropertyValues(
                        "spring.jackson.property-naming-strategy=SNAKE_CASE",
                        "spring.jackson.default-property-inclusion=non_null",
                        "spring.jackson.datatype.enum.write-enums-to-lowercase=true")
                .withBean(
                        JsonMapper.class,
                        () -> JsonMapper.builder()
                                .propertyNamingStrategy(PropertyNamingStrategies.KEBAB_CASE)
                                .build())
                .run(context -> {
                    EventStore store = context.getBean(EventStore.class);
                    store.store(Event.of("a", "T", new CamelCase(7, null)).withId("e"));
                    assertThat(store.get("e").dataJson()).isEqualTo("{\"nothing\": null, \"someNumber\": 7}");
                    assertThat(store.get("e").dataAs(CamelCase.class)).isEqualTo(new CamelCase(7, null));
                });
    }

    @Test
    void modulesAndCustomizersChangeTheLogsJson() {
        SimpleModule module = new SimpleModule("shouting")
                .addSerializer(String.class, new StdSerializer<>(String.class) {
                    @Override
                    public void serialize(String value, JsonGenerator generator, SerializationContext context) {
                        generator.writeString(value.toUpperCase(Locale.ROOT));
                    }
                });
        withApplicationsDataSource()
                .withBean(JacksonModule.class, () -> module)
                .withBean(
                        SynckitJsonMapperCustomizer.class,
                        () -> builder -> builder.propertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE))
                .run(context -> {
                    EventStore store = context.getBean(EventStore.class);
                    store.store(Event.of("a", "T", new CamelCase(7, "x")).withId("e"));
                    assertThat(store.get("e").dataJson()).isEqualTo("{\"nothing\": \"X\", \"some_number\": 7}");
                });
    }

    record CamelCase(int someNumber, @Nullable String nothing) {}

    @Test
    void settingsReachTheStore() {
        withApplicationsDataSource()
                .withPropertyValues(
                        "synckit.postgres.schema=events_of_shop",
                        "synckit.postgres.table-name=shop_events",
                        "synckit.postgres.batch-size=2",
                        "synckit.postgres.max-event-size=100B",
                        "synckit.postgres.migration.data-index=true",
                        "synckit.postgres.migration.metadata-index=true")
                .run(context -> {
                    EventStore store = context.getBean(EventStore.class);
                    for (int i = 0; i < 3; i++) {
                        store.store(Event.of("a", "T", i));
                    }
                    assertThat(store.load(Version.ZERO)).hasSize(2);
                    assertThat(org.assertj.core.api.Assertions.catchThrowable(() ->
                                    store.store(Event.of("a", "T", Map.of("x", "x".repeat(100))))))
                            .isInstanceOf(InvalidEventException.class)
                            .hasMessageContaining("max-event-size");
                });
        assertThat(database.query("select count(*) from events_of_shop.shop_events"))
                .isEqualTo("3");
        assertThat(
                        database.query(
                                "select count(*) from pg_indexes where indexname in ('shop_events_data_idx', 'shop_events_metadata_idx')"))
                .isEqualTo("2");
    }

    @Test
    void invalidSettingIsNamed() {
        withApplicationsDataSource()
                .withPropertyValues("synckit.postgres.batch-size=0")
                .run(context -> assertThat(context)
                        .getFailure()
                        .rootCause()
                        .isInstanceOf(InvalidConfigException.class)
                        .hasMessageContaining("batchSize is 0"));
    }

    // migration

    @Test
    void validateFailsWhereNothingIsMigrated() {
        withApplicationsDataSource()
                .withPropertyValues("synckit.postgres.migration.mode=validate")
                .run(context -> assertThat(context)
                        .getFailure()
                        .rootCause()
                        .isInstanceOf(SchemaException.class)
                        .hasMessageContaining("there is no table synckit.events"));
        withApplicationsDataSource().run(context -> assertThat(context).hasNotFailed());
        withApplicationsDataSource()
                .withPropertyValues("synckit.postgres.migration.mode=validate")
                .run(context -> assertThat(context).hasNotFailed());
    }

    @Test
    void noneDoesNeither() {
        withApplicationsDataSource()
                .withPropertyValues("synckit.postgres.migration.mode=none")
                .run(context -> assertThat(context).hasNotFailed());
        assertThat(database.query("select count(*) from pg_namespace where nspname = 'synckit'"))
                .isEqualTo("0");
    }

    @Test
    void brokenFenceFailsTheStart() {
        withApplicationsDataSource().run(context -> assertThat(context).hasNotFailed());
        database.execute("alter sequence synckit.events_version_seq cache 50");
        withApplicationsDataSource()
                .run(context -> assertThat(context).getFailure().rootCause().hasMessageContaining("CACHE 1"));
    }

    /** The statements before the first migration are those of docs/schema.md. */
    @Test
    void migrationHasSeparateCredentials() throws IOException {
        String app = "app_" + database.name();
        String owner = "owner_" + database.name();
        database.execute(
                "create role " + app + " login password 'app'", "create role " + owner + " login password 'owner'");
        List<String> statements = Pattern.compile("(?m)^(GRANT CREATE|ALTER DEFAULT)[^;]*;")
                .matcher(Files.readString(Path.of("..", "docs", "schema.md")))
                .results()
                .map(match -> match.group()
                        .replace("shop_app", app)
                        .replace("shop_owner", owner)
                        .replace("DATABASE shop", "DATABASE " + database.name()))
                .toList();
        assertThat(statements).hasSize(5);
        database.execute(statements.toArray(new String[0]));
        // In the driver, the user of a URL wins over one that is given beside it.
        String url = database.url().replaceAll("[?].*", "");
        try {
            withApplicationsDataSource()
                    .withPropertyValues(
                            "spring.datasource.url=" + url + "?user=" + app + "&password=app&ApplicationName=shop",
                            "synckit.postgres.migration.username=" + owner,
                            "synckit.postgres.migration.password=owner")
                    .run(context -> context.getBean(EventStore.class).store(Event.of("a", "T", 1)));
            assertThat(database.query(
                            "select tableowner from pg_tables where schemaname = 'synckit' and tablename = 'events'"))
                    .isEqualTo(owner);
            withApplicationsDataSource()
                    .withPropertyValues("synckit.postgres.migration.password=owner")
                    .run(context -> assertThat(context)
                            .getFailure()
                            .rootCause()
                            .hasMessageContaining("migration.password needs migration.username"));
        } finally {
            database.execute(
                    "drop owned by " + owner + " cascade",
                    "drop owned by " + app,
                    "drop role " + app,
                    "drop role " + owner);
        }
    }
}
