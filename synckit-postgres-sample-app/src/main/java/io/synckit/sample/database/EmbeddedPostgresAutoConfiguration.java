package io.synckit.sample.database;

import io.zonky.test.db.postgres.embedded.EmbeddedPostgres;
import java.io.IOException;
import java.nio.file.Path;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnProperty;
import org.springframework.boot.jdbc.autoconfigure.DataSourceAutoConfiguration;
import org.springframework.boot.jdbc.autoconfigure.JdbcConnectionDetails;
import org.springframework.context.annotation.Bean;

/**
 * A real PostgreSQL inside this process's care, when no {@code spring.datasource.url} is set and no container is there. With {@code
 * shop.data-directory} its data is kept between starts. With {@code shop.database-port} another instance can use it.
 */
@AutoConfiguration(
        before = DataSourceAutoConfiguration.class,
        afterName = "org.springframework.boot.testcontainers.service.connection.ServiceConnectionAutoConfiguration")
@ConditionalOnMissingBean({DataSource.class, JdbcConnectionDetails.class})
@ConditionalOnProperty(name = "spring.datasource.url", havingValue = "absent", matchIfMissing = true)
public class EmbeddedPostgresAutoConfiguration {

    @Bean(destroyMethod = "close")
    EmbeddedPostgres embeddedPostgres(
            @Value("${shop.data-directory:}") String dataDirectory, @Value("${shop.database-port:0}") int port)
            throws IOException {
        // Spring closes it, after everything that uses it. By default this server does not care whether data survives a
        // crash.
        EmbeddedPostgres.Builder builder = EmbeddedPostgres.builder()
                .setRegisterShutdownHook(false)
                .setServerConfig("fsync", "on")
                .setServerConfig("synchronous_commit", "on");
        if (port > 0) {
            builder.setPort(port);
        }
        if (!dataDirectory.isBlank()) {
            builder.setDataDirectory(Path.of(dataDirectory)).setCleanDataDirectory(false);
        }
        return builder.start();
    }

    @Bean
    JdbcConnectionDetails embeddedPostgresConnectionDetails(EmbeddedPostgres server) {
        return new Details(server.getJdbcUrl("postgres", "postgres"));
    }

    private record Details(String url) implements JdbcConnectionDetails {

        @Override
        public @Nullable String getUsername() {
            return null;
        }

        @Override
        public @Nullable String getPassword() {
            return null;
        }

        @Override
        public String getJdbcUrl() {
            return url;
        }
    }
}
