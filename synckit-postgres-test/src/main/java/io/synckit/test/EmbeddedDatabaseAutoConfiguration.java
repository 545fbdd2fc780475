package io.synckit.test;

import io.zonky.test.db.postgres.embedded.EmbeddedPostgres;
import java.util.Set;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.springframework.beans.factory.ListableBeanFactory;
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
import org.springframework.context.annotation.Condition;
import org.springframework.context.annotation.ConditionContext;
import org.springframework.context.annotation.Conditional;
import org.springframework.core.env.Environment;
import org.springframework.core.type.AnnotatedTypeMetadata;
import org.springframework.util.function.SingletonSupplier;

/**
 * A database of its own for each context, on an embedded PostgreSQL, instead of the one of {@code spring.datasource.url} and of the
 * connections under {@code synckit.postgres}. Backs off if the test has a container with {@code @ServiceConnection}, and with {@code
 * synckit.test.embedded=false}. A DataSource of the test or the application is kept. Then the connections
 * under {@code synckit.postgres} are replaced only if {@code synckit.postgres.url} is set.
 */
@AutoConfiguration(
        before = DataSourceAutoConfiguration.class,
        beforeName = "io.synckit.postgres.boot.autoconfigure.SynckitPostgresDataSourceAutoConfiguration")
@ConditionalOnClass({EmbeddedPostgres.class, DataSourceAutoConfiguration.class})
@ConditionalOnMissingBean(JdbcConnectionDetails.class)
@ConditionalOnBooleanProperty(name = "synckit.test.embedded", matchIfMissing = true)
final class EmbeddedDatabaseAutoConfiguration {

    private static final String APPLICATION_URL = "spring.datasource.url";
    private static final String STORE_URL = "synckit.postgres.url";

    @Bean
    static EmbeddedDatabase embeddedDatabase() {
        return new EmbeddedDatabase();
    }

    /** The database of the context. It is created when the first bean needs its URL. */
    static final class EmbeddedDatabase {

        private static final String USER = "postgres";

        private final Supplier<String> url = SingletonSupplier.of(EmbeddedServer::newDatabase);

        String url() {
            return url.get();
        }
    }

    /** For all beans, except in an application whose only DataSource is that of the store: it would get a second pool. */
    @Bean
    @ConditionalOnMissingBean(DataSource.class)
    @Conditional(OnOtherThanStore.class)
    JdbcConnectionDetails embeddedConnectionDetails(EmbeddedDatabase database) {
        return new JdbcConnectionDetails() {
            @Override
            public String getUsername() {
                return EmbeddedDatabase.USER;
            }

            @Override
            public String getPassword() {
                return EmbeddedDatabase.USER;
            }

            @Override
            public String getJdbcUrl() {
                return database.url();
            }
        };
    }

    /** A separate database of the store, and the connections of the migration and of the listener, are replaced where they are bound. */
    @Bean
    static ConfigurationPropertiesBindHandlerAdvisor embeddedConnections(
            EmbeddedDatabase database, ListableBeanFactory beans, Environment environment) {
        boolean replaces = environment.containsProperty(STORE_URL) || beans.containsBean("embeddedConnectionDetails");
        return parent -> replaces ? new EmbeddedConnections(parent, database) : parent;
    }

    private static final class OnOtherThanStore implements Condition {

        @Override
        public boolean matches(ConditionContext context, AnnotatedTypeMetadata metadata) {
            Environment environment = context.getEnvironment();
            return environment.containsProperty(APPLICATION_URL) || !environment.containsProperty(STORE_URL);
        }
    }

    private static final class EmbeddedConnections extends AbstractBindHandler {

        private static final Set<ConfigurationPropertyName> PREFIXES = Stream.of(
                        "synckit.postgres", "synckit.postgres.migration", "synckit.postgres.listener")
                .map(ConfigurationPropertyName::of)
                .collect(Collectors.toUnmodifiableSet());

        private final EmbeddedDatabase database;

        EmbeddedConnections(BindHandler parent, EmbeddedDatabase database) {
            super(parent);
            this.database = database;
        }

        @Override
        public @Nullable Object onSuccess(
                ConfigurationPropertyName name, Bindable<?> target, BindContext context, Object result) {
            Object bound = super.onSuccess(name, target, context, result);
            if (!PREFIXES.contains(name.getParent())) {
                return bound;
            }
            return switch (name.getLastElement(ConfigurationPropertyName.Form.UNIFORM)) {
                case "url" -> database.url();
                case "username", "password" -> EmbeddedDatabase.USER;
                default -> bound;
            };
        }
    }
}
