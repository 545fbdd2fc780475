package io.synckit.postgres.boot.autoconfigure;

import io.synckit.ConnectionSource;
import io.synckit.Instrumentation;
import io.synckit.JsonCodec;
import io.synckit.postgres.JsonCodecs;
import io.synckit.postgres.PostgresEventStore;
import io.synckit.postgres.RealtimeEventStore;
import io.synckit.postgres.boot.EventStoreComponents;
import io.synckit.postgres.boot.SynckitDataSource;
import io.synckit.postgres.boot.SynckitJsonMapperCustomizer;
import io.synckit.postgres.boot.autoconfigure.SynckitPostgresProperties.Listener;
import io.synckit.postgres.notification.NotificationListener;
import io.synckit.postgres.notification.NotificationListenerBuilder;
import io.synckit.postgres.schema.NotifyMode;
import io.synckit.subscription.EventSubscriptions;
import io.synckit.subscription.LiveSubscription;
import java.time.Duration;
import java.util.Objects;
import javax.sql.DataSource;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.beans.factory.ListableBeanFactory;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.LazyInitializationExcludeFilter;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBooleanProperty;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnSingleCandidate;
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
import tools.jackson.databind.JacksonModule;
import tools.jackson.databind.json.JsonMapper;

/** The event store and its schema, on the DataSource that is chosen for it. */
@AutoConfiguration(
        after = {DataSourceAutoConfiguration.class, SynckitPostgresDataSourceAutoConfiguration.class},
        afterName = {
            "org.springframework.boot.flyway.autoconfigure.FlywayAutoConfiguration",
            "org.springframework.boot.jackson.autoconfigure.JacksonAutoConfiguration"
        })
@ConditionalOnBooleanProperty(name = "synckit.postgres.enabled", matchIfMissing = true)
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
    static TransactionManagers synckitTransactionManagers() {
        return new TransactionManagers();
    }

    /** A subscription that no other bean needs is made all the same: its handler has work to do. */
    @Bean
    static LazyInitializationExcludeFilter synckitSubscriptionsAreNotLazy() {
        return LazyInitializationExcludeFilter.forBeanTypes(LiveSubscription.class);
    }

    @Bean
    @ConditionalOnMissingBean
    ConnectionSource synckitConnectionSource(
            SynckitDatabase database, SynckitPostgresProperties properties, TransactionManagers managers) {
        SpringConnections connections = new SpringConnections(database.dataSource(), properties.url() == null);
        managers.addListener(connections.transactions());
        return connections;
    }

    @Bean
    @ConditionalOnMissingBean
    JsonCodec synckitJsonCodec(
            ObjectProvider<JacksonModule> modules, ObjectProvider<SynckitJsonMapperCustomizer> customizers) {
        JsonMapper.Builder builder = JsonCodecs.jacksonBuilder();
        modules.orderedStream().forEach(builder::addModule);
        customizers.orderedStream().forEach(customizer -> customizer.customize(builder));
        return JsonCodecs.jackson(builder.build());
    }

    @Bean
    @DependsOnDatabaseInitialization
    @ConditionalOnMissingBean({EventStoreComponents.class, RealtimeEventStore.class})
    EventStoreComponents synckitEventStoreComponents(
            SynckitDatabase database,
            ConnectionSource connections,
            JsonCodec json,
            SynckitPostgresProperties properties,
            ObjectProvider<Instrumentation> instrumentations,
            Environment environment) {
        Instrumentation instrumentation =
                Instrumentation.of(instrumentations.orderedStream().toList());
        PostgresEventStore store = new PostgresEventStore(
                database.dataSource(), connections, json, properties.toConfig(), instrumentation);
        NotificationListener listener = properties.listener().enabled()
                ? listener(database, connections, json, properties, instrumentation, environment)
                : null;
        return new EventStoreComponents(store, listener);
    }

    /** With live subscriptions. */
    @Bean
    @ConditionalOnMissingBean
    @ConditionalOnBean(EventStoreComponents.class)
    @ConditionalOnBooleanProperty(name = "synckit.postgres.listener.enabled", matchIfMissing = true)
    RealtimeEventStore realtimeEventStore(EventStoreComponents components, ConnectionSource connections) {
        return new RealtimeEventStore(components.store(), Objects.requireNonNull(components.listener()), connections);
    }

    @Bean
    @ConditionalOnMissingBean
    @ConditionalOnBean(EventStoreComponents.class)
    @ConditionalOnBooleanProperty(name = "synckit.postgres.listener.enabled", matchIfMissing = true)
    EventSubscriptions eventSubscriptions(EventStoreComponents components) {
        return Objects.requireNonNull(components.listener()).subscriptions();
    }

    /** The subscriptions of a store that replaces the starter's. */
    @Bean
    @ConditionalOnMissingBean
    @ConditionalOnSingleCandidate(RealtimeEventStore.class)
    EventSubscriptions eventSubscriptionsOfTheApplicationsStore(RealtimeEventStore store) {
        return store.subscriptions();
    }

    /** Without live subscriptions. A further {@code PostgresEventStore} may exist; only one with this name replaces this one. */
    @Bean(destroyMethod = "")
    @ConditionalOnMissingBean(name = "postgresEventStore")
    @ConditionalOnBean(EventStoreComponents.class)
    @ConditionalOnBooleanProperty(name = "synckit.postgres.listener.enabled", havingValue = false)
    PostgresEventStore postgresEventStore(EventStoreComponents components) {
        return components.store();
    }

    @Bean
    @ConditionalOnMissingBean
    @ConditionalOnBean(EventStoreComponents.class)
    @ConditionalOnBooleanProperty(name = "synckit.postgres.listener.enabled", matchIfMissing = true)
    SynckitListenerLifecycle synckitListenerLifecycle(
            EventStoreComponents components, SynckitPostgresProperties properties) {
        return new SynckitListenerLifecycle(
                Objects.requireNonNull(components.listener()),
                properties.listener().required());
    }

    /** For a store that replaces the starter's. */
    @Bean
    @ConditionalOnMissingBean
    @ConditionalOnSingleCandidate(RealtimeEventStore.class)
    SynckitListenerLifecycle synckitListenerLifecycleOfTheApplicationsStore(
            RealtimeEventStore store, SynckitPostgresProperties properties) {
        return new SynckitListenerLifecycle(
                store.listener(), properties.listener().required());
    }

    private static NotificationListener listener(
            SynckitDatabase database,
            ConnectionSource connections,
            JsonCodec json,
            SynckitPostgresProperties properties,
            Instrumentation instrumentation,
            Environment environment) {
        Listener settings = properties.listener();
        DataSource unpooled = new UnpooledConnections(
                        "listener", settings.url(), settings.username(), settings.password())
                .like(database.dataSource(), UnpooledConnections.FOR_LISTENING);
        NotificationListenerBuilder builder = RealtimeEventStore.listener(
                        unpooled == null ? database.dataSource() : unpooled, connections, json, properties.toConfig())
                .instrumentation(instrumentation)
                // The life cycle has waited for the handlers before.
                .closeTimeout(Duration.ZERO)
                .auditDelay(properties.audit().enabled() ? properties.audit().delay() : null);
        if (unpooled == null) {
            log.warn(
                    "listener.url-needed: the URL of the DataSource is not known, and a connection of its pool cannot listen permanently,"
                            + " so live subscriptions are served by polling; set synckit.postgres.listener.url");
            builder.notifyMode(NotifyMode.OFF);
        }
        if (Threading.VIRTUAL.isActive(environment)) {
            builder.handlers(new VirtualThreadTaskExecutor("synckit-live-"));
        }
        return builder.build();
    }
}
