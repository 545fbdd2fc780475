package io.synckit.postgres;

import com.zaxxer.hikari.HikariDataSource;
import io.synckit.AppendResult;
import io.synckit.ConnectionSource;
import io.synckit.Event;
import io.synckit.EventPage;
import io.synckit.EventQuery;
import io.synckit.EventStore;
import io.synckit.ExpectedStreamVersion;
import io.synckit.Filter;
import io.synckit.JsonCodec;
import io.synckit.OnDuplicate;
import io.synckit.StoreStats;
import io.synckit.StoredEvent;
import io.synckit.Version;
import io.synckit.postgres.internal.sql.PhysicalConnections;
import io.synckit.postgres.notification.NotificationListener;
import io.synckit.postgres.notification.NotificationListenerBuilder;
import io.synckit.subscription.EventSubscriptions;
import io.synckit.subscription.LiveOptions;
import io.synckit.subscription.LiveSubscription;
import io.synckit.subscription.StoredEventHandler;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;
import java.util.stream.Stream;
import javax.sql.DataSource;

/**
 * A {@link PostgresEventStore} with live subscriptions. Subscriptions receive every event that this process or another commits, in the order
 * of versions. Thread-safe.
 */
public final class RealtimeEventStore implements EventStore {

    private final PostgresEventStore store;
    private final NotificationListener listener;
    private final ConnectionSource connections;

    /**
     * @param store stores and reads; it is closed with this store
     * @param listener the listener of the same table; it is closed with this store
     * @param connections the connections of the store
     */
    public RealtimeEventStore(PostgresEventStore store, NotificationListener listener, ConnectionSource connections) {
        this.store = store;
        this.listener = listener;
        this.connections = connections;
    }

    /**
     * Returns a store with a dedicated pool (HikariCP must be on the class path) and a started listener.
     *
     * @throws io.synckit.InvalidConfigException if there is no connection string, or it is not PostgreSQL's
     * @throws io.synckit.InvalidConnectionException if the database cannot be reached
     */
    public static RealtimeEventStore open(Config config) {
        String listenAt = config.listenerConnectionString() == null
                ? config.connectionString()
                : config.listenerConnectionString();
        ConnectionString target = ConnectionString.of(listenAt);
        DataSource physical = PhysicalConnections.of(
                target.url(),
                config.username() == null ? target.username() : config.username(),
                config.password() == null ? target.password() : config.password());
        HikariDataSource pool = PostgresEventStore.openPool(config);
        ConnectionSource connections = ConnectionSource.of(pool);
        return started(PostgresEventStore.owning(pool, connections, config), physical, connections, config);
    }

    /**
     * Returns a store on a pool of the caller, with a started listener.
     *
     * @param physical provides connections to the same database that belong to no pool
     */
    public static RealtimeEventStore on(DataSource pool, DataSource physical, Config config) {
        return started(PostgresEventStore.on(pool, config), physical, ConnectionSource.of(pool), config);
    }

    private static RealtimeEventStore started(
            PostgresEventStore store, DataSource physical, ConnectionSource connections, Config config) {
        NotificationListener listener =
                listener(physical, connections, JsonCodecs.jackson(), config).build();
        listener.start();
        return new RealtimeEventStore(store, listener, connections);
    }

    /** Returns the builder of a listener with the settings of the config. */
    public static NotificationListenerBuilder listener(
            DataSource physical, ConnectionSource connections, JsonCodec json, Config config) {
        return NotificationListener.builder(physical, connections, json)
                .table(config.schema(), config.tableName())
                .withNotificationTimeout(config.notificationTimeout())
                .withReconnectSettings(config.reconnectInterval(), config.maxReconnectAttempts())
                .notifyMode(config.notifyMode())
                .batchSize(config.batchSize())
                .enablePreparedStmts(config.enablePreparedStmts());
    }

    /** Subscribes to every event from now on. */
    public LiveSubscription subscribeToAll(StoredEventHandler handler) {
        return subscriptions().live(LiveOptions.named("all-events"), handler);
    }

    /** Subscribes to every event of a type from now on. */
    public LiveSubscription subscribeToEventType(String eventType, StoredEventHandler handler) {
        return subscriptions().live(LiveOptions.named("event-type").filter(Filter.types(eventType)), handler);
    }

    /** Subscribes to every event of an aggregate from now on. */
    public LiveSubscription subscribeToStream(String aggregateId, StoredEventHandler handler) {
        return subscriptions().live(LiveOptions.named("stream").filter(Filter.aggregateIds(aggregateId)), handler);
    }

    /** Returns the connections of the store. In an exactly-once handler, they join its transaction. */
    public ConnectionSource connections() {
        return connections;
    }

    /** Returns the subscriptions of the listener. */
    public EventSubscriptions subscriptions() {
        return listener.subscriptions();
    }

    /** Returns whether the LISTEN connection is up. While it is down, subscriptions are served by polling. */
    public boolean isListenerConnected() {
        return listener.isConnected();
    }

    /** Returns the listener, with its status, start and stop. */
    public NotificationListener listener() {
        return listener;
    }

    @Override
    public AppendResult store(Event event, OnDuplicate onDuplicate) {
        return storing(() -> store.store(event, onDuplicate));
    }

    @Override
    public List<AppendResult> storeBatch(List<Event> events, OnDuplicate onDuplicate) {
        return storing(() -> store.storeBatch(events, onDuplicate));
    }

    @Override
    public List<AppendResult> append(
            String aggregateId, ExpectedStreamVersion expected, List<Event> events, OnDuplicate onDuplicate) {
        return storing(() -> store.append(aggregateId, expected, events, onDuplicate));
    }

    @Override
    public CompletableFuture<AppendResult> storeAsync(Event event, OnDuplicate onDuplicate) {
        return store.storeAsync(event, onDuplicate, listener.storing());
    }

    @Override
    public CompletableFuture<List<AppendResult>> appendAsync(
            String aggregateId, ExpectedStreamVersion expected, List<Event> events, OnDuplicate onDuplicate) {
        return store.appendAsync(aggregateId, expected, events, onDuplicate, listener.storing());
    }

    /** Calls {@link PostgresEventStore#waiting}. */
    public int waiting() {
        return store.waiting();
    }

    private <R> R storing(Supplier<R> work) {
        Runnable committed = listener.storing();
        R result = work.get();
        connections.afterCommit(committed);
        return result;
    }

    @Override
    public EventPage load(Version since, Filter... filters) {
        return store.load(since, filters);
    }

    @Override
    public EventPage load(Version since, int limit, Filter... filters) {
        return store.load(since, limit, filters);
    }

    @Override
    public EventPage query(EventQuery query) {
        return store.query(query);
    }

    @Override
    public Stream<StoredEvent> stream(Version since, Filter... filters) {
        return store.stream(since, filters);
    }

    @Override
    public EventPage loadByAggregate(String aggregateId, Version since, Filter... filters) {
        return store.loadByAggregate(aggregateId, since, filters);
    }

    @Override
    public EventPage loadByAggregate(String aggregateId, Version since, int limit, Filter... filters) {
        return store.loadByAggregate(aggregateId, since, limit, filters);
    }

    @Override
    public Stream<StoredEvent> streamByAggregate(String aggregateId, Version since, Filter... filters) {
        return store.streamByAggregate(aggregateId, since, filters);
    }

    @Override
    public Optional<StoredEvent> find(String id) {
        return store.find(id);
    }

    @Override
    public Version latestVersion() {
        return store.latestVersion();
    }

    @Override
    public StoreStats stats() {
        return store.stats();
    }

    /** Calls {@link PostgresEventStore#diagnose}. */
    public StoreDiagnosis diagnose() {
        return store.diagnose();
    }

    /** Closes the listener, its subscriptions, and the store. */
    @Override
    public void close() {
        listener.close();
        store.close();
    }
}
