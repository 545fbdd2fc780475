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

/** The pool of a store with a separate database. */
@AutoConfiguration(
        before = DataSourceAutoConfiguration.class,
        afterName = "org.springframework.boot.testcontainers.service.connection.ServiceConnectionAutoConfiguration")
@ConditionalOnBooleanProperty(name = "synckit.postgres.enabled", matchIfMissing = true)
@ConditionalOnProperty("synckit.postgres.url")
@EnableConfigurationProperties(SynckitPostgresProperties.class)
final class SynckitPostgresDataSourceAutoConfiguration {

    private static final String NAME = "synckitDataSource";

    /** For an application without another database. It is the DataSource of the application, because Boot would require {@code spring.datasource.url} otherwise. */
    @Bean(NAME)
    @SynckitDataSource
    @ConditionalOnMissingBean({DataSource.class, JdbcConnectionDetails.class})
    @ConditionalOnProperty(name = "spring.datasource.url", havingValue = "absent", matchIfMissing = true)
    HikariDataSource onlyDataSource(SynckitPostgresProperties properties) {
        return PostgresEventStore.openPool(properties.toConfig());
    }

    /** Beside the DataSource of the application. It is not injected by type. */
    @Bean(name = NAME, defaultCandidate = false)
    @SynckitDataSource
    @ConditionalOnMissingBean(name = NAME)
    HikariDataSource dataSourceBesideTheApplications(SynckitPostgresProperties properties) {
        return PostgresEventStore.openPool(properties.toConfig());
    }
}
