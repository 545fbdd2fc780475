package io.synckit.postgres.boot.autoconfigure;

import io.synckit.ConnectionSource;
import io.synckit.EventUpcaster;
import io.synckit.Instrumentation;
import io.synckit.JsonCodec;
import io.synckit.postgres.JsonCodecs;
import io.synckit.postgres.PostgresEventStore;
import io.synckit.postgres.RealtimeEventStore;
import io.synckit.postgres.boot.EventStoreComponents;
import io.synckit.postgres.boot.SynckitDataSource;
import io.synckit.postgres.boot.SynckitJsonMapperCustomizer;
import io.synckit.postgres.notification.NotificationListener;
import io.synckit.subscription.DurableSubscription;
import io.synckit.subscription.EventSubscriptions;
import io.synckit.subscription.LiveSubscription;
import java.util.Objects;
import javax.sql.DataSource;
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
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Import;
import org.springframework.context.annotation.ImportRuntimeHints;
import org.springframework.core.env.Environment;
import org.springframework.transaction.PlatformTransactionManager;
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

    /** Subscriptions are created although no other bean needs them, because their handlers must run. */
    @Bean
    static LazyInitializationExcludeFilter synckitSubscriptionsAreNotLazy() {
        return LazyInitializationExcludeFilter.forBeanTypes(LiveSubscription.class, DurableSubscription.class);
    }

    @Bean
    @ConditionalOnMissingBean
    ConnectionSource synckitConnectionSource(
            SynckitDatabase database,
            SynckitPostgresProperties properties,
            TransactionManagers managers,
            ObjectProvider<PlatformTransactionManager> transactionManagers) {
        SpringConnections connections =
                new SpringConnections(database.dataSource(), properties.url() == null, transactionManagers);
        managers.addListener(connections.transactions());
        return connections;
    }

    @Bean
    @ConditionalOnMissingBean
    JsonCodec synckitJsonCodec(
            ObjectProvider<JacksonModule> modules,
            ObjectProvider<SynckitJsonMapperCustomizer> customizers,
            ObjectProvider<EventUpcaster> upcasters) {
        JsonMapper.Builder builder = JsonCodecs.jacksonBuilder();
        modules.orderedStream().forEach(builder::addModule);
        customizers.orderedStream().forEach(customizer -> customizer.customize(builder));
        return EventUpcaster.applying(
                JsonCodecs.jackson(builder.build()), upcasters.orderedStream().toList());
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
                ? ListenerFactory.create(database, connections, json, properties, instrumentation, environment)
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

    /** Without live subscriptions. Another {@code PostgresEventStore} may exist. Only a bean with this name replaces this one. */
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
}
