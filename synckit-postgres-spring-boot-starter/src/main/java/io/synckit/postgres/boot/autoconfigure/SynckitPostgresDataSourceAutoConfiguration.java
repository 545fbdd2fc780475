package io.synckit.postgres.boot.autoconfigure;

import com.zaxxer.hikari.HikariDataSource;
import io.synckit.postgres.PostgresEventStore;
import io.synckit.postgres.boot.SynckitDataSource;
import javax.sql.DataSource;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBooleanProperty;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnProperty;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.boot.jdbc.autoconfigure.DataSourceAutoConfiguration;
import org.springframework.boot.jdbc.autoconfigure.JdbcConnectionDetails;
import org.springframework.context.annotation.Bean;

/** The pool of a store with a database of its own. */
@AutoConfiguration(
        before = DataSourceAutoConfiguration.class,
        afterName = "org.springframework.boot.testcontainers.service.connection.ServiceConnectionAutoConfiguration")
@ConditionalOnBooleanProperty(name = "synckit.postgres.enabled", matchIfMissing = true)
@ConditionalOnProperty("synckit.postgres.url")
@EnableConfigurationProperties(SynckitPostgresProperties.class)
final class SynckitPostgresDataSourceAutoConfiguration {

    private static final String NAME = "synckitDataSource";

    /** An application without another database: Boot would insist on {@code spring.datasource.url}, so this is its DataSource. */
    @Bean(NAME)
    @SynckitDataSource
    @ConditionalOnMissingBean({DataSource.class, JdbcConnectionDetails.class})
    @ConditionalOnProperty(name = "spring.datasource.url", havingValue = "absent", matchIfMissing = true)
    HikariDataSource onlyDataSource(SynckitPostgresProperties properties) {
        return PostgresEventStore.openPool(properties.toConfig());
    }

    /** Beside the application's DataSource, for which it must not be taken. */
    @Bean(name = NAME, defaultCandidate = false)
    @SynckitDataSource
    @ConditionalOnMissingBean(name = NAME)
    HikariDataSource dataSourceBesideTheApplications(SynckitPostgresProperties properties) {
        return PostgresEventStore.openPool(properties.toConfig());
    }
}
