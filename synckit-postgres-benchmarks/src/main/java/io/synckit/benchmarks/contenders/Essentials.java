package io.synckit.benchmarks.contenders;

import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.datatype.jsr310.JavaTimeModule;
import dk.cloudcreate.essentials.components.eventsourced.eventstore.postgresql.EventStoreSubscription;
import dk.cloudcreate.essentials.components.eventsourced.eventstore.postgresql.PostgresqlEventStore;
import dk.cloudcreate.essentials.components.eventsourced.eventstore.postgresql.eventstream.AggregateType;
import dk.cloudcreate.essentials.components.eventsourced.eventstore.postgresql.eventstream.IdentifierColumnType;
import dk.cloudcreate.essentials.components.eventsourced.eventstore.postgresql.eventstream.JSONColumnType;
import dk.cloudcreate.essentials.components.eventsourced.eventstore.postgresql.eventstream.PersistedEvent;
import dk.cloudcreate.essentials.components.eventsourced.eventstore.postgresql.persistence.EventMetaData;
import dk.cloudcreate.essentials.components.eventsourced.eventstore.postgresql.persistence.PersistableEvent;
import dk.cloudcreate.essentials.components.eventsourced.eventstore.postgresql.persistence.table_per_aggregate_type.SeparateTablePerAggregateEventStreamConfiguration;
import dk.cloudcreate.essentials.components.eventsourced.eventstore.postgresql.persistence.table_per_aggregate_type.SeparateTablePerAggregateTypeEventStreamConfigurationFactory;
import dk.cloudcreate.essentials.components.eventsourced.eventstore.postgresql.persistence.table_per_aggregate_type.SeparateTablePerAggregateTypePersistenceStrategy;
import dk.cloudcreate.essentials.components.eventsourced.eventstore.postgresql.serializer.AggregateIdSerializer;
import dk.cloudcreate.essentials.components.eventsourced.eventstore.postgresql.serializer.json.JacksonJSONEventSerializer;
import dk.cloudcreate.essentials.components.eventsourced.eventstore.postgresql.subscription.EventStoreSubscriptionManager;
import dk.cloudcreate.essentials.components.eventsourced.eventstore.postgresql.subscription.PersistedEventHandler;
import dk.cloudcreate.essentials.components.eventsourced.eventstore.postgresql.subscription.PostgresqlDurableSubscriptionRepository;
import dk.cloudcreate.essentials.components.eventsourced.eventstore.postgresql.transaction.EventStoreManagedUnitOfWorkFactory;
import dk.cloudcreate.essentials.components.eventsourced.eventstore.postgresql.types.EventRevision;
import dk.cloudcreate.essentials.components.eventsourced.eventstore.postgresql.types.EventTypeOrName;
import dk.cloudcreate.essentials.components.eventsourced.eventstore.postgresql.types.GlobalEventOrder;
import dk.cloudcreate.essentials.components.foundation.fencedlock.FencedLockManager;
import dk.cloudcreate.essentials.components.foundation.types.EventId;
import dk.cloudcreate.essentials.components.foundation.types.SubscriberId;
import dk.cloudcreate.essentials.jackson.types.EssentialTypesJacksonModule;
import dk.cloudcreate.essentials.types.LongRange;
import java.lang.reflect.Proxy;
import java.time.Clock;
import java.time.Duration;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.function.LongConsumer;
import org.jdbi.v3.core.Jdbi;
import org.jdbi.v3.postgres.PostgresPlugin;
import org.jspecify.annotations.Nullable;
import reactor.core.Disposable;

/** The PostgreSQL event store of Essentials, with its gap handling (without that it loses events). It polls. */
public final class Essentials implements Contender {

    private static final AggregateType ORDERS = AggregateType.of("orders");

    /** A subscription that is not exclusive uses no locks. */
    private static final FencedLockManager NO_LOCKS = (FencedLockManager) Proxy.newProxyInstance(
            FencedLockManager.class.getClassLoader(),
            new Class<?>[] {FencedLockManager.class},
            (proxy, method, arguments) -> method.getReturnType() == boolean.class ? Boolean.TRUE : null);

    private final Database database;
    private final boolean tuned;
    private @Nullable Store store;

    private record Store(
            PostgresqlEventStore<SeparateTablePerAggregateEventStreamConfiguration> events,
            EventStoreManagedUnitOfWorkFactory units) {}

    /** @param tuned larger pages, polls every 20 ms */
    public Essentials(Database database, boolean tuned) {
        this.database = database;
        this.tuned = tuned;
    }

    @Override
    public String name() {
        return tuned ? "Essentials, tuned" : "Essentials";
    }

    @Override
    public String table() {
        return "Essentials";
    }

    @Override
    public Set<Can> can() {
        return EnumSet.allOf(Can.class);
    }

    private int page() {
        return tuned ? 1000 : 100;
    }

    private Duration pause() {
        return Duration.ofMillis(tuned ? 20 : 500);
    }

    @Override
    public void create() throws Exception {
        close();
        database.execute("drop table if exists orders_events, transient_subscriber_gaps, permanent_gaps");
        store();
    }

    private synchronized Store store() {
        if (store == null) {
            Jdbi jdbi = Jdbi.create(database.pool());
            jdbi.installPlugin(new PostgresPlugin());
            var units = new EventStoreManagedUnitOfWorkFactory(jdbi);
            var json = new JacksonJSONEventSerializer(JsonMapper.builder()
                    .addModule(new EssentialTypesJacksonModule())
                    .addModule(new JavaTimeModule())
                    .build());
            var strategy = new SeparateTablePerAggregateTypePersistenceStrategy(
                    jdbi,
                    units,
                    (id, configuration, event, order) -> PersistableEvent.from(
                            EventId.random(),
                            configuration.aggregateType,
                            id,
                            EventTypeOrName.with(event.getClass()),
                            event,
                            order,
                            EventRevision.FIRST,
                            new EventMetaData(),
                            OffsetDateTime.now(Clock.systemUTC()),
                            null,
                            null,
                            null),
                    SeparateTablePerAggregateTypeEventStreamConfigurationFactory.standardSingleTenantConfiguration(
                            json, IdentifierColumnType.TEXT, JSONColumnType.JSONB));
            strategy.addAggregateEventStreamConfiguration(ORDERS, AggregateIdSerializer.serializerFor(String.class));
            @SuppressWarnings("unchecked")
            PostgresqlEventStore<SeparateTablePerAggregateEventStreamConfiguration> events =
                    PostgresqlEventStore.withGapHandling(units, strategy);
            store = new Store(events, units);
        }
        return store;
    }

    private static long n(PersistedEvent event) {
        Order.Data data = event.event().deserialize();
        return data.n();
    }

    @Override
    public long store(Order order) {
        long start = System.nanoTime();
        Store into = store();
        into.units.usingUnitOfWork(unit -> into.events.appendToStream(
                ORDERS, order.aggregateId(), Optional.of(order.streamVersion() - 2), List.of(order.data())));
        return start;
    }

    @Override
    public void storeBatch(List<Order> orders) {
        Store into = store();
        Map<String, List<Order>> streams = new LinkedHashMap<>();
        orders.forEach(order -> streams.computeIfAbsent(order.aggregateId(), id -> new ArrayList<>())
                .add(order));
        into.units.usingUnitOfWork(unit -> streams.forEach((id, all) -> into.events.appendToStream(
                ORDERS,
                id,
                Optional.of(all.get(0).streamVersion() - 2),
                all.stream().map(Order::data).toList())));
    }

    @Override
    public void readAll(LongConsumer each) {
        Store from = store();
        long last = highest(from);
        for (long next = 1; next <= last; next += page()) {
            LongRange range = LongRange.from(next, page());
            from.units
                    .withUnitOfWork(unit ->
                            from.events.loadEventsByGlobalOrder(ORDERS, range).toList())
                    .forEach(event -> each.accept(n(event)));
        }
    }

    private static long highest(Store of) {
        return of.units.withUnitOfWork(unit -> of.events
                .findHighestGlobalEventOrderPersisted(ORDERS)
                .map(order -> order.longValue())
                .orElse(0L));
    }

    @Override
    public void readStream(String aggregateId, LongConsumer each) {
        Store from = store();
        from.units
                .withUnitOfWork(unit -> from.events
                        .fetchStream(ORDERS, aggregateId)
                        .orElseThrow()
                        .events()
                        .toList())
                .forEach(event -> each.accept(n(event)));
    }

    @Override
    public Following follow(LongConsumer each) {
        Store from = store();
        Disposable subscription = from.events
                .pollEvents(
                        ORDERS,
                        highest(from) + 1,
                        Optional.of(page()),
                        Optional.of(pause()),
                        Optional.empty(),
                        Optional.of(SubscriberId.of(UUID.randomUUID().toString())))
                .subscribe(event -> each.accept(n(event)));
        return subscription::dispose;
    }

    /** A subscription with durable resume points. They are stored every second, not with each batch. */
    @Override
    public void consume(long events, LongConsumer each) throws Exception {
        Store from = store();
        Jdbi jdbi = Jdbi.create(database.pool());
        jdbi.installPlugin(new PostgresPlugin());
        EventStoreSubscriptionManager manager = EventStoreSubscriptionManager.createFor(
                from.events,
                page(),
                pause(),
                NO_LOCKS,
                Duration.ofSeconds(1),
                new PostgresqlDurableSubscriptionRepository(jdbi, from.events));
        manager.start();
        CountDownLatch handled = new CountDownLatch((int) events);
        EventStoreSubscription subscription = manager.subscribeToAggregateEventsAsynchronously(
                SubscriberId.of(UUID.randomUUID().toString()),
                ORDERS,
                GlobalEventOrder.FIRST_GLOBAL_EVENT_ORDER,
                Optional.empty(),
                new PersistedEventHandler() {
                    @Override
                    public void onResetFrom(EventStoreSubscription reset, GlobalEventOrder order) {}

                    @Override
                    public void handle(PersistedEvent event) {
                        each.accept(n(event));
                        handled.countDown();
                    }
                });
        handled.await();
        subscription.stop();
        manager.stop();
    }

    @Override
    public synchronized void close() {
        store = null;
    }
}
