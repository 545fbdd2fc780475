package io.synckit.postgres.boot.autoconfigure;

import io.synckit.EventStoreException;
import io.synckit.InvalidConfigException;
import io.synckit.InvalidConnectionException;
import io.synckit.SchemaException;
import java.util.Locale;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.context.properties.source.ConfigurationPropertyName;
import org.springframework.boot.diagnostics.AbstractFailureAnalyzer;
import org.springframework.boot.diagnostics.FailureAnalysis;

/** Explains why the start has failed because of the event store, and what to change. */
final class EventStoreFailureAnalyzer extends AbstractFailureAnalyzer<EventStoreException> {

    /** Settings of durable subscriptions, which are not properties. */
    private static final Set<String> OF_LISTENERS =
            Set.of("listener", "subscription", "partitions", "ordering", "delivery", "eventTypes");

    @Override
    protected @Nullable FailureAnalysis analyze(Throwable rootFailure, EventStoreException cause) {
        if (cause instanceof NoUniqueDataSourceException dataSource) {
            return analysis(cause, dataSource.several() ? SEVERAL_DATA_SOURCES : NO_DATA_SOURCE);
        }
        if (cause instanceof InvalidConfigException config && OF_LISTENERS.contains(config.setting())) {
            return analysis(cause, LISTENER_METHOD);
        }
        if (cause instanceof InvalidConfigException config) {
            return analysis(cause, "Correct " + property(config.setting()) + " in application.yml.");
        }
        String action = action(cause);
        return action == null ? null : analysis(cause, action);
    }

    private static @Nullable String action(EventStoreException cause) {
        if (cause instanceof SchemaException schema) {
            return switch (schema.reason()) {
                case MISMATCH -> SCHEMA;
                case NEWER -> NEWER_SCHEMA;
                case LOCKED -> LOCKED;
            };
        }
        if (cause instanceof MigrationPrivilegeException) {
            return MIGRATION_PRIVILEGES;
        }
        if (cause instanceof ListenerRequiredException) {
            return LISTENER;
        }
        if (cause instanceof InvalidConnectionException connection) {
            return switch (connection.reason()) {
                case UNAVAILABLE -> CONNECTION;
                case MISSING_PRIVILEGE -> PRIVILEGES;
                case UNSUPPORTED_DATABASE -> UNSUPPORTED;
                case TRANSACTION_POOLER -> POOLER;
            };
        }
        return null;
    }

    private static FailureAnalysis analysis(EventStoreException cause, String action) {
        return new FailureAnalysis(cause.getMessage(), action, cause);
    }

    private static String property(String setting) {
        String name = switch (setting) {
            case "connectionString" -> "url";
            case "maxEventBytes" -> "max-event-size";
            case "auditDelay" -> "audit.delay";
            case "ownerTimeout" -> "durable.owner-timeout";
            default -> setting.replaceAll("([A-Z])", "-$1").toLowerCase(Locale.ROOT);
        };
        return ConfigurationPropertyName.of("synckit.postgres").append(name).toString();
    }

    private static final String LISTENER_METHOD = """
            Correct the method with @SynckitListener, or the class with @EventType, as the description says. docs/durable.md has \
            examples.""";

    private static final String NO_DATA_SOURCE = """
            Write in application.yml one of
              spring.datasource.url: jdbc:postgresql://host/database    (the application's database)
              synckit.postgres.url: jdbc:postgresql://host/database     (a separate database for the event store)
              synckit.postgres.enabled: false                           (no event store)""";

    private static final String SEVERAL_DATA_SOURCES = """
            Mark the one that the event store uses:
              @Bean
              @io.synckit.postgres.boot.SynckitDataSource
              DataSource ordersDataSource() { … }
            or make it @Primary, or give the event store a separate database with synckit.postgres.url.""";

    private static final String SCHEMA = """
            Let the application migrate the schema:
              synckit.postgres.migration.mode: migrate
            If the role of the application may not run DDL, set synckit.postgres.migration.username and password. Or do what the \
            description says by hand; docs/schema.md has the statements.""";

    private static final String LOCKED = """
            End the transaction that the description names, for instance with SELECT pg_terminate_backend(pid), and start again.
            A changed notify mode (synckit.postgres.notify.mode) needs the lock; an unchanged one does not.""";

    private static final String NEWER_SCHEMA = """
            An application with a newer version of the library has migrated the table. Use the same version here:
              io.synckit:synckit-postgres-spring-boot-starter
            or use another table:
              synckit.postgres.table-name: other_events""";

    private static final String MIGRATION_PRIVILEGES = """
            Migrate as the role that owns the schema:
              synckit.postgres.migration.username: shop_owner
              synckit.postgres.migration.password: …
            or, if the schema does not exist yet, let an administrator allow the application's role to create it (with your names):
              GRANT CREATE ON DATABASE shop TO shop_app;
            or migrate by hand, grant the privileges of docs/schema.md to the application's role, and only check here:
              synckit.postgres.migration.mode: validate""";

    private static final String PRIVILEGES = """
            Let the owner of the tables grant to the application's role (with your names; INSERT only if it stores events):
              GRANT USAGE ON SCHEMA synckit TO shop_app;
              GRANT SELECT, INSERT ON synckit.events TO shop_app;
              GRANT SELECT ON SEQUENCE synckit.events_version_seq TO shop_app;
              GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA synckit TO shop_app;
            docs/schema.md has the same as default privileges, for use before the first migration.""";

    private static final String UNSUPPORTED = """
            Point the event store at the primary of a PostgreSQL 14 or later, to a database in UTF8:
              spring.datasource.url: jdbc:postgresql://host/database
            With several hosts add targetServerType=primary. If the application uses another database, set:
              synckit.postgres.url: jdbc:postgresql://host/database""";

    private static final String POOLER = """
            Connect the listener to the server itself, not through the pooler (it needs one connection):
              synckit.postgres.listener.url: jdbc:postgresql://host-of-postgresql:5432/database
            or serve live subscriptions by polling, every 5 seconds:
              synckit.postgres.listener.required: false""";

    private static final String LISTENER = """
            Correct the connection of the listener (without these settings it uses those of the pool):
              synckit.postgres.listener.url: jdbc:postgresql://host:5432/database
              synckit.postgres.listener.username: …
              synckit.postgres.listener.password: …
            or start anyway, and serve live subscriptions by polling until the listener is connected:
              synckit.postgres.listener.required: false""";

    private static final String CONNECTION = """
            Check that PostgreSQL runs and can be reached, and in application.yml
              spring.datasource.url: jdbc:postgresql://host:5432/database
              spring.datasource.username: …
              spring.datasource.password: …
            or the same under synckit.postgres, if the event store has a separate database.""";
}
