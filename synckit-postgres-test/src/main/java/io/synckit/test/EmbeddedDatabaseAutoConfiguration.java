package io.synckit.test;

import io.zonky.test.db.postgres.embedded.EmbeddedPostgres;
import javax.sql.DataSource;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBooleanProperty;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.jdbc.autoconfigure.DataSourceAutoConfiguration;
import org.springframework.boot.jdbc.autoconfigure.JdbcConnectionDetails;
import org.springframework.context.annotation.Bean;

/**
 * A database of its own for each context, on an embedded PostgreSQL, instead of the one of {@code spring.datasource.url}. Backs off if the
 * test has a container with {@code @ServiceConnection} or a DataSource, and with {@code synckit.test.embedded=false}.
 */
@AutoConfiguration(before = DataSourceAutoConfiguration.class)
@ConditionalOnClass({EmbeddedPostgres.class, DataSourceAutoConfiguration.class})
@ConditionalOnMissingBean({JdbcConnectionDetails.class, DataSource.class})
@ConditionalOnBooleanProperty(name = "synckit.test.embedded", matchIfMissing = true)
final class EmbeddedDatabaseAutoConfiguration {

    @Bean
    JdbcConnectionDetails embeddedDatabase() {
        String url = EmbeddedServer.newDatabase();
        return new JdbcConnectionDetails() {
            @Override
            public String getUsername() {
                return "postgres";
            }

            @Override
            public String getPassword() {
                return "postgres";
            }

            @Override
            public String getJdbcUrl() {
                return url;
            }
        };
    }
}
