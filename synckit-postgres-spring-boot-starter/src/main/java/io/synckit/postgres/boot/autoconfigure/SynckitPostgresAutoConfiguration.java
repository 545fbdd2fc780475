package io.synckit.postgres.boot.autoconfigure;

import io.synckit.ConnectionSource;
import io.synckit.EventStore;
import io.synckit.Instrumentation;
import io.synckit.JsonCodec;
import io.synckit.postgres.PostgresEventStore;
import io.synckit.postgres.RealtimeEventStore;
import io.synckit.postgres.boot.SynckitDataSource;
import io.synckit.postgres.boot.autoconfigure.SynckitPostgresProperties.Listener;
import io.synckit.postgres.internal.json.JacksonJson;
import io.synckit.postgres.notification.NotificationListener;
import io.synckit.postgres.schema.NotifyMode;
import javax.sql.DataSource;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.beans.factory.ListableBeanFactory;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBooleanProperty;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.boot.jdbc.autoconfigure.DataSourceAutoConfiguration;
import org.springframework.boot.sql.init.dependency.DatabaseInitializationDependencyConfigurer;
import org.springframework.boot.sql.init.dependency.DependsOnDatabaseInitialization;
import org.springframework.boot.thread.Threading;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Import;
import org.springframework.context.annotation.ImportRuntimeHints;
import org.springframework.core.env.Environment;
import org.springframework.core.task.VirtualThreadTaskExecutor;
import org.springframework.jdbc.datasource.SimpleDriverDataSource;
import tools.jackson.databind.json.JsonMapper;

/** The event store and its schema, on the DataSource that is chosen for it. */
@AutoConfiguration(
        after = {DataSourceAutoConfiguration.class, SynckitPostgresDataSourceAutoConfiguration.class},
        afterName = {
            "org.springframework.boot.flyway.autoconfigure.FlywayAutoConfiguration",
            "org.springframework.boot.jackson.autoconfigure.JacksonAutoConfiguration"
        })
@ConditionalOnBooleanProperty(name = "synckit.postgres.enabled", matchIfMissing = true)
@ConditionalOnMissingBean(EventStore.class)
@EnableConfigurationProperties(SynckitPostgresProperties.class)
@Import(DatabaseInitializationDependencyConfigurer.class)
@ImportRuntimeHints(SynckitRuntimeHints.class)
final class SynckitPostgresAutoConfiguration {

    private static final Logger log = LoggerFactory.getLogger(SynckitPostgresAutoConfiguration.class);

    @Bean
    @ConditionalOnMissingBean
    SynckitDatabase synckitDatabase(
            @SynckitDataSource ObjectProvider<DataSource> marked,
            ObjectProvider<DataSource> any,
            ListableBeanFactory beans) {
        return SynckitDatabase.choose(marked, any, beans);
    }

    @Bean
    @ConditionalOnMissingBean
    SynckitSchemaInitializer synckitSchemaInitializer(SynckitDatabase database, SynckitPostgresProperties properties) {
        return new SynckitSchemaInitializer(database.dataSource(), properties);
    }

    @Bean
    @ConditionalOnMissingBean
    ConnectionSource synckitConnectionSource(SynckitDatabase database, SynckitPostgresProperties properties) {
        return new SpringConnections(database.dataSource(), properties.url() == null);
    }

    @Bean
    @ConditionalOnMissingBean
    JsonCodec synckitJsonCodec(ObjectProvider<JsonMapper> mapper) {
        JsonMapper ofTheApplication = mapper.getIfUnique();
        return ofTheApplication == null ? new JacksonJson() : new JacksonJson(ofTheApplication);
    }

    /** With live subscriptions. */
    @Bean("eventStore")
    @DependsOnDatabaseInitialization
    @ConditionalOnBooleanProperty(name = "synckit.postgres.listener.enabled", matchIfMissing = true)
    RealtimeEventStore realtimeEventStore(
            SynckitDatabase database,
            ConnectionSource connections,
            JsonCodec json,
            SynckitPostgresProperties properties,
            ObjectProvider<Instrumentation> instrumentations,
            Environment environment) {
        Instrumentation instrumentation = all(instrumentations);
        PostgresEventStore store = store(database, connections, json, properties, instrumentation);
        NotificationListener listener = listener(database, connections, json, properties, instrumentation, environment);
        return new RealtimeEventStore(store, listener, connections);
    }

    @Bean
    @ConditionalOnMissingBean
    @ConditionalOnBean(RealtimeEventStore.class)
    SynckitListenerLifecycle synckitListenerLifecycle(RealtimeEventStore store, SynckitPostgresProperties properties) {
        return new SynckitListenerLifecycle(
                store.listener(), properties.listener().required());
    }

    /** Without. */
    @Bean("eventStore")
    @DependsOnDatabaseInitialization
    @ConditionalOnBooleanProperty(name = "synckit.postgres.listener.enabled", havingValue = false)
    PostgresEventStore postgresEventStore(
            SynckitDatabase database,
            ConnectionSource connections,
            JsonCodec json,
            SynckitPostgresProperties properties,
            ObjectProvider<Instrumentation> instrumentations) {
        return store(database, connections, json, properties, all(instrumentations));
    }

    private static Instrumentation all(ObjectProvider<Instrumentation> instrumentations) {
        return Instrumentation.of(instrumentations.orderedStream().toList());
    }

    private static PostgresEventStore store(
            SynckitDatabase database,
            ConnectionSource connections,
            JsonCodec json,
            SynckitPostgresProperties properties,
            Instrumentation instrumentation) {
        return new PostgresEventStore(database.dataSource(), connections, json, properties.toConfig(), instrumentation);
    }

    private static NotificationListener listener(
            SynckitDatabase database,
            ConnectionSource connections,
            JsonCodec json,
            SynckitPostgresProperties properties,
            Instrumentation instrumentation,
            Environment environment) {
        Listener settings = properties.listener();
        SimpleDriverDataSource unpooled = new UnpooledDataSource(
                        "listener", settings.url(), settings.username(), settings.password())
                .derivedFrom(database.dataSource());
        NotificationListener.Builder builder = RealtimeEventStore.listener(
                        unpooled == null ? database.dataSource() : UnpooledDataSource.forListening(unpooled),
                        connections,
                        json,
                        properties.toConfig())
                .instrumentation(instrumentation)
                .auditDelay(properties.audit().enabled() ? properties.audit().delay() : null);
        if (unpooled == null) {
            log.warn(
                    "listener.url-needed: the DataSource does not tell its URL, and a connection of its pool cannot listen for good,"
                            + " so live subscriptions are served by polling; set synckit.postgres.listener.url");
            builder.notifyMode(NotifyMode.OFF);
        }
        if (Threading.VIRTUAL.isActive(environment)) {
            builder.handlers(new VirtualThreadTaskExecutor("synckit-live-"));
        }
        return builder.build();
    }
}
