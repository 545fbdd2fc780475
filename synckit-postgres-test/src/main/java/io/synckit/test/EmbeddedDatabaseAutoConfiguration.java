package io.synckit.test;

import io.zonky.test.db.postgres.embedded.EmbeddedPostgres;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.beans.factory.annotation.Qualifier;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBooleanProperty;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.context.properties.ConfigurationPropertiesBindHandlerAdvisor;
import org.springframework.boot.context.properties.bind.AbstractBindHandler;
import org.springframework.boot.context.properties.bind.BindContext;
import org.springframework.boot.context.properties.bind.BindHandler;
import org.springframework.boot.context.properties.bind.Bindable;
import org.springframework.boot.context.properties.source.ConfigurationPropertyName;
import org.springframework.boot.jdbc.autoconfigure.DataSourceAutoConfiguration;
import org.springframework.boot.jdbc.autoconfigure.JdbcConnectionDetails;
import org.springframework.context.annotation.Bean;

/**
 * A database of its own for each context, on an embedded PostgreSQL, instead of the one of {@code spring.datasource.url} and of the
 * connections under {@code synckit.postgres}. Backs off if the test has a container with {@code @ServiceConnection} or a DataSource, and with
 * {@code synckit.test.embedded=false}.
 */
@AutoConfiguration(
        before = DataSourceAutoConfiguration.class,
        beforeName = "io.synckit.postgres.boot.autoconfigure.SynckitPostgresDataSourceAutoConfiguration")
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

    /** A separate database of the store, and the connections of the migration and of the listener, are replaced where they are bound. */
    @Bean
    static ConfigurationPropertiesBindHandlerAdvisor embeddedConnections(
            @Qualifier("embeddedDatabase") ObjectProvider<JdbcConnectionDetails> embedded) {
        return parent -> new EmbeddedConnections(parent, embedded);
    }

    private static final class EmbeddedConnections extends AbstractBindHandler {

        private static final Set<ConfigurationPropertyName> PREFIXES = Stream.of(
                        "synckit.postgres", "synckit.postgres.migration", "synckit.postgres.listener")
                .map(ConfigurationPropertyName::of)
                .collect(Collectors.toUnmodifiableSet());

        private final ObjectProvider<JdbcConnectionDetails> embedded;

        EmbeddedConnections(BindHandler parent, ObjectProvider<JdbcConnectionDetails> embedded) {
            super(parent);
            this.embedded = embedded;
        }

        @Override
        public @Nullable Object onSuccess(
                ConfigurationPropertyName name, Bindable<?> target, BindContext context, Object result) {
            Object bound = super.onSuccess(name, target, context, result);
            if (!PREFIXES.contains(name.getParent())) {
                return bound;
            }
            return switch (name.getLastElement(ConfigurationPropertyName.Form.UNIFORM)) {
                case "url" -> embedded.getObject().getJdbcUrl();
                case "username" -> embedded.getObject().getUsername();
                case "password" -> embedded.getObject().getPassword();
                default -> bound;
            };
        }
    }
}
