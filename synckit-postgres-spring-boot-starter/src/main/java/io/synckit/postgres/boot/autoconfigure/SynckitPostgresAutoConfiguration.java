package io.synckit.postgres.boot.autoconfigure;

import io.synckit.ConnectionSource;
import io.synckit.EventStore;
import io.synckit.JsonCodec;
import io.synckit.OperationListener;
import io.synckit.postgres.PostgresEventStore;
import io.synckit.postgres.boot.SynckitDataSource;
import io.synckit.postgres.internal.json.JacksonJson;
import java.util.List;
import javax.sql.DataSource;
import org.springframework.beans.factory.ListableBeanFactory;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBooleanProperty;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.boot.jdbc.autoconfigure.DataSourceAutoConfiguration;
import org.springframework.boot.sql.init.dependency.DatabaseInitializationDependencyConfigurer;
import org.springframework.boot.sql.init.dependency.DependsOnDatabaseInitialization;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Import;
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

    @Bean
    @DependsOnDatabaseInitialization
    PostgresEventStore eventStore(
            SynckitDatabase database,
            ConnectionSource connections,
            JsonCodec json,
            SynckitPostgresProperties properties,
            ObjectProvider<OperationListener> listeners) {
        List<OperationListener> all = listeners.orderedStream().toList();
        return new PostgresEventStore(
                database.dataSource(),
                connections,
                json,
                properties.toConfig(),
                operation -> all.forEach(listener -> listener.completed(operation)));
    }
}
