package io.synckit.benchmarks.contenders;

import io.synckit.Event;
import io.synckit.Instrumentation;
import io.synckit.StoredEvent;
import io.synckit.Version;
import io.synckit.postgres.Config;
import io.synckit.postgres.JsonCodecs;
import io.synckit.postgres.PostgresEventStore;
import io.synckit.postgres.RealtimeEventStore;
import io.synckit.postgres.notification.NotificationListener;
import io.synckit.postgres.schema.NotifyMode;
import io.synckit.postgres.schema.SchemaMigrator;
import io.synckit.subscription.DurableOptions;
import io.synckit.subscription.DurableOptions.Delivery;
import io.synckit.subscription.DurableSubscription;
import io.synckit.subscription.DurableSubscription.State;
import io.synckit.subscription.LiveOptions;
import io.synckit.subscription.LiveSubscription;
import io.synckit.subscription.StartFrom;
import java.time.Duration;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongConsumer;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** This library. */
public final class Ours implements Contender {

    private static final Duration POLL = Duration.ofMillis(20);

    private final Database database;
    private final NotifyMode mode;
    private final String schema;
    private @Nullable RealtimeEventStore store;
    private final Transactions transactions;
    private final int lanes;

    /** @param mode with OFF it polls every 20 ms */
    public Ours(Database database, NotifyMode mode) {
        this(database, mode, Config.DEFAULT_ASYNC_LANES, "");
    }

    Ours(Database database, NotifyMode mode, int lanes, String suffix) {
        this.database = database;
        this.mode = mode;
        this.schema = "ours_" + mode.name().toLowerCase(Locale.ROOT) + suffix;
        this.transactions = new Transactions(database.pool());
        this.lanes = lanes;
    }

    @Override
    public String name() {
        return "synckit, "
                + switch (mode) {
                    case COALESCED -> "coalesced";
                    case EACH_EVENT -> "each-event";
                    case OFF -> "polling";
                };
    }

    @Override
    public Set<Can> can() {
        return EnumSet.allOf(Can.class);
    }

    /** The schema of its table. */
    public String schema() {
        return schema;
    }

    @Override
    public void create() throws Exception {
        close();
        database.execute("drop schema if exists " + schema + " cascade");
        new SchemaMigrator(database.physical(), schema, "events", new SchemaMigrator.Options(false, false, mode))
                .migrate();
        database.execute(BusinessRow.create(orders()));
    }

    private String orders() {
        return schema + ".orders";
    }

    private Config config() {
        return Config.builder()
                .schema(schema)
                .notifyMode(mode)
                .asyncLanes(lanes)
                .notificationTimeout(mode == NotifyMode.OFF ? POLL : Config.DEFAULT_NOTIFICATION_TIMEOUT)
                .build();
    }

    /** The store, with its listener. */
    public synchronized RealtimeEventStore store() {
        if (store == null) {
            NotificationListener listener = RealtimeEventStore.listener(
                            database.physical(), transactions, JsonCodecs.jackson(), config())
                    .build();
            listener.start();
            store = new RealtimeEventStore(
                    new PostgresEventStore(
                            database.pool(), transactions, JsonCodecs.jackson(), config(), Instrumentation.NONE),
                    listener,
                    transactions);
        }
        return store;
    }

    @Override
    public long storeAndCommit(Order order) throws Exception {
        return transactions.commit(connection -> store().store(event(order)));
    }

    @Override
    public void storeWithBusinessRow(Order order) throws Exception {
        transactions.commit(connection -> {
            BusinessRow.insert(connection, orders(), order);
            store().store(event(order));
        });
    }

    /** The order as this library's event. */
    public static Event event(Order order) {
        return Event.of(order.aggregateId(), "OrderPlaced", order.data());
    }

    private static long n(StoredEvent event) {
        return event.dataAs(Order.Data.class).n();
    }

    @Override
    public long store(Order order) {
        long start = System.nanoTime();
        store().store(event(order));
        return start;
    }

    @Override
    public void storeBatch(List<Order> orders) {
        store().storeBatch(orders.stream().map(Ours::event).toList());
    }

    @Override
    public void readAll(LongConsumer each) {
        try (Stream<StoredEvent> events = store().stream(Version.ZERO)) {
            events.forEach(event -> each.accept(n(event)));
        }
    }

    @Override
    public void readStream(String aggregateId, LongConsumer each) {
        store().loadByAggregate(aggregateId, Version.ZERO).forEach(event -> each.accept(n(event)));
    }

    /** Exactly-once, in batches. */
    @Override
    public void consume(long events, LongConsumer each) throws Exception {
        consume(DurableOptions.named("consumer-" + UUID.randomUUID()).delivery(Delivery.EXACTLY_ONCE), events, each);
    }

    /** Hands the last events of the log to a consumer. */
    public void consume(DurableOptions options, long events, LongConsumer each) throws Exception {
        AtomicLong handled = new AtomicLong();
        CountDownLatch done = new CountDownLatch(1);
        StartFrom start = StartFrom.after(Version.of(store().latestVersion().value() - events));
        DurableSubscription subscription = store().subscriptions()
                .durableBatches(options.startFrom(start), (batch, context) -> {
                    batch.forEach(event -> each.accept(n(event)));
                    if (handled.addAndGet(batch.size()) >= events) {
                        done.countDown();
                    }
                });
        done.await();
        subscription.close();
    }

    /** Receives each event by a durable subscription, from now on. */
    public Following followDurably(LongConsumer each) throws Exception {
        DurableSubscription subscription = store().subscriptions()
                .durable(
                        DurableOptions.named("follower-" + UUID.randomUUID()),
                        (event, context) -> each.accept(n(event)));
        while (subscription.activity().get(0).state() == State.NOT_OWNED) {
            Thread.sleep(10);
        }
        return subscription::close;
    }

    @Override
    public Following follow(LongConsumer each) throws Exception {
        return follow(LiveOptions.named("test"), each)::close;
    }

    /** With options of a subscription. */
    public LiveSubscription follow(LiveOptions options, LongConsumer each) throws InterruptedException {
        while (mode != NotifyMode.OFF && !store().isListenerConnected()) {
            Thread.sleep(10);
        }
        return store().subscriptions().live(options, event -> each.accept(n(event)));
    }

    @Override
    public synchronized void close() {
        if (store != null) {
            store.close();
            store = null;
        }
    }
}
