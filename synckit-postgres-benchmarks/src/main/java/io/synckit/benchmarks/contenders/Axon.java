package io.synckit.benchmarks.contenders;

import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.LongConsumer;
import java.util.stream.Stream;
import javax.sql.DataSource;
import org.axonframework.common.jdbc.ConnectionProvider;
import org.axonframework.common.transaction.Transaction;
import org.axonframework.common.transaction.TransactionManager;
import org.axonframework.eventhandling.DomainEventMessage;
import org.axonframework.eventhandling.EventHandlerInvoker;
import org.axonframework.eventhandling.EventMessage;
import org.axonframework.eventhandling.GenericDomainEventMessage;
import org.axonframework.eventhandling.Segment;
import org.axonframework.eventhandling.TrackedEventMessage;
import org.axonframework.eventhandling.pooled.PooledStreamingEventProcessor;
import org.axonframework.eventhandling.tokenstore.jdbc.JdbcTokenStore;
import org.axonframework.eventhandling.tokenstore.jdbc.PostgresTokenTableFactory;
import org.axonframework.eventsourcing.eventstore.EmbeddedEventStore;
import org.axonframework.eventsourcing.eventstore.jdbc.JdbcEventStorageEngine;
import org.axonframework.eventsourcing.eventstore.jdbc.PostgresEventTableFactory;
import org.axonframework.eventsourcing.eventstore.jpa.SQLStateResolver;
import org.axonframework.messaging.StreamableMessageSource;
import org.axonframework.serialization.json.JacksonSerializer;
import org.jspecify.annotations.Nullable;
import org.springframework.jdbc.datasource.DataSourceTransactionManager;
import org.springframework.jdbc.datasource.TransactionAwareDataSourceProxy;
import org.springframework.transaction.TransactionStatus;
import org.springframework.transaction.support.DefaultTransactionDefinition;

/** The JDBC event storage of Axon Framework. In the process that stores, it is notified; other processes poll. */
public final class Axon implements Contender {

    private static final int WAIT = 20;

    /** As large as the batches of this library's consumers. */
    private static final int CONSUMER_BATCH = 100;

    private final Database database;
    private final boolean tuned;
    private @Nullable EmbeddedEventStore store;
    private @Nullable JdbcEventStorageEngine engine;

    /** @param tuned larger pages, polls every 10 ms, gaps that are waited for longer */
    public Axon(Database database, boolean tuned) {
        this.database = database;
        this.tuned = tuned;
    }

    @Override
    public String name() {
        return tuned ? "Axon, tuned" : "Axon";
    }

    @Override
    public String table() {
        return "Axon";
    }

    @Override
    public Set<Can> can() {
        return EnumSet.allOf(Can.class);
    }

    /** Both variants use the same table. */
    @Override
    public void create() throws Exception {
        close();
        database.execute("drop table if exists domainevententry, snapshotevententry");
        engine().createSchema(PostgresEventTableFactory.INSTANCE);
    }

    private synchronized JdbcEventStorageEngine engine() {
        if (engine == null) {
            JacksonSerializer json = JacksonSerializer.defaultSerializer();
            ConnectionProvider connections = new TransactionAwareDataSourceProxy(database.pool())::getConnection;
            JdbcEventStorageEngine.Builder builder = JdbcEventStorageEngine.builder()
                    .eventSerializer(json)
                    .snapshotSerializer(json)
                    .connectionProvider(connections)
                    .transactionManager(transactions(database.pool()))
                    .persistenceExceptionResolver(new SQLStateResolver());
            if (tuned) {
                builder.maxGapOffset(1_000_000).batchSize(1000);
            }
            engine = builder.build();
        }
        return engine;
    }

    private synchronized EmbeddedEventStore store() {
        if (store == null) {
            EmbeddedEventStore.Builder builder = EmbeddedEventStore.builder().storageEngine(engine());
            if (tuned) {
                builder.fetchDelay(10);
            }
            store = builder.build();
        }
        return store;
    }

    /** Like its Spring module. */
    private static TransactionManager transactions(DataSource dataSource) {
        DataSourceTransactionManager spring = new DataSourceTransactionManager(dataSource);
        return () -> {
            TransactionStatus status = spring.getTransaction(new DefaultTransactionDefinition());
            return new Transaction() {
                @Override
                public void commit() {
                    if (status.isNewTransaction() && !status.isCompleted()) {
                        spring.commit(status);
                    }
                }

                @Override
                public void rollback() {
                    if (status.isNewTransaction() && !status.isCompleted()) {
                        spring.rollback(status);
                    }
                }
            };
        };
    }

    private static DomainEventMessage<Order.Data> message(Order order) {
        return new GenericDomainEventMessage<>("Order", order.aggregateId(), order.streamVersion() - 1, order.data());
    }

    private static long n(Object payload) {
        return ((Order.Data) payload).n();
    }

    @Override
    public long store(Order order) {
        long start = System.nanoTime();
        store().publish(message(order));
        return start;
    }

    @Override
    public void storeBatch(List<Order> orders) {
        store().publish(orders.stream().map(Axon::message).toList());
    }

    @Override
    public void readAll(LongConsumer each) {
        try (Stream<? extends TrackedEventMessage<?>> events = engine().readEvents(null, false)) {
            events.forEach(event -> each.accept(n(event.getPayload())));
        }
    }

    @Override
    public void readStream(String aggregateId, LongConsumer each) {
        engine().readEvents(aggregateId).asStream().forEach(event -> each.accept(n(event.getPayload())));
    }

    @Override
    public Following follow(LongConsumer each) throws Exception {
        var stream = store().openStream(store().createHeadToken());
        Thread thread = new Thread(
                () -> {
                    try (stream) {
                        while (!Thread.currentThread().isInterrupted()) {
                            if (stream.hasNextAvailable(WAIT, TimeUnit.MILLISECONDS)) {
                                each.accept(n(stream.nextAvailable().getPayload()));
                            }
                        }
                    } catch (InterruptedException e) {
                        Thread.currentThread().interrupt();
                    }
                },
                "axon");
        thread.start();
        return () -> {
            thread.interrupt();
            Threads.join(thread);
        };
    }

    /** A pooled streaming event processor with one segment, which stores its token in the transaction of each batch. */
    @Override
    public void consume(long events, LongConsumer each) throws Exception {
        database.execute("drop table if exists tokenentry");
        ConnectionProvider connections = new TransactionAwareDataSourceProxy(database.pool())::getConnection;
        JdbcTokenStore tokens = JdbcTokenStore.builder()
                .connectionProvider(connections)
                .serializer(JacksonSerializer.defaultSerializer())
                .build();
        tokens.createSchema(PostgresTokenTableFactory.INSTANCE);
        CountDownLatch handled = new CountDownLatch((int) events);
        ScheduledExecutorService threads = Executors.newScheduledThreadPool(2);
        PooledStreamingEventProcessor processor = PooledStreamingEventProcessor.builder()
                .name("consumer")
                .eventHandlerInvoker(handler(each, handled))
                .messageSource(store())
                .tokenStore(tokens)
                .transactionManager(transactions(database.pool()))
                .coordinatorExecutor(threads)
                .workerExecutor(threads)
                .initialSegmentCount(1)
                .initialToken(StreamableMessageSource::createTailToken)
                .batchSize(tuned ? CONSUMER_BATCH : 1)
                .build();
        processor.start();
        handled.await();
        processor.shutDown();
        threads.shutdownNow();
    }

    private static EventHandlerInvoker handler(LongConsumer each, CountDownLatch handled) {
        return new EventHandlerInvoker() {
            @Override
            public boolean canHandle(EventMessage<?> event, Segment segment) {
                return true;
            }

            @Override
            public void handle(EventMessage<?> event, Segment segment) {
                each.accept(n(event.getPayload()));
                handled.countDown();
            }
        };
    }

    @Override
    public synchronized void close() {
        if (store != null) {
            store.shutDown();
            store = null;
        }
        engine = null;
    }
}
