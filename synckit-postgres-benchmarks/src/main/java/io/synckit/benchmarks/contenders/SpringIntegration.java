package io.synckit.benchmarks.contenders;

import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.EnumSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;
import org.postgresql.jdbc.PgConnection;
import org.springframework.beans.factory.support.DefaultListableBeanFactory;
import org.springframework.core.task.SimpleAsyncTaskExecutor;
import org.springframework.integration.jdbc.channel.PostgresChannelMessageTableSubscriber;
import org.springframework.integration.jdbc.channel.PostgresSubscribableChannel;
import org.springframework.integration.jdbc.store.JdbcChannelMessageStore;
import org.springframework.integration.jdbc.store.channel.PostgresChannelMessageStoreQueryProvider;
import org.springframework.jdbc.datasource.DataSourceTransactionManager;
import org.springframework.messaging.MessageHandler;
import org.springframework.messaging.support.GenericMessage;
import org.springframework.transaction.support.TransactionTemplate;

/** The PostgreSQL channel of Spring Integration: a queue, not a log. Received messages are deleted. */
public final class SpringIntegration implements Contender {

    private static final String GROUP = "events";
    private static final int THREADS = 4;

    private final Database database;
    private final boolean tuned;
    private volatile @Nullable PostgresSubscribableChannel sender;

    /** @param tuned whether four threads receive, instead of a new one for each notification */
    public SpringIntegration(Database database, boolean tuned) {
        this.database = database;
        this.tuned = tuned;
    }

    @Override
    public String name() {
        return tuned ? "Spring Integration, tuned" : "Spring Integration";
    }

    @Override
    public String table() {
        return "Spring Integration";
    }

    @Override
    public Set<Can> can() {
        return EnumSet.of(Can.STORE_BATCH, Can.FOLLOW);
    }

    /** Its script, with the trigger that is commented out there. */
    @Override
    public void create() throws Exception {
        sender = null;
        String script;
        try (InputStream in = JdbcChannelMessageStore.class.getResourceAsStream(
                "/org/springframework/integration/jdbc/schema-postgresql.sql")) {
            script = new String(Objects.requireNonNull(in).readAllBytes(), StandardCharsets.UTF_8);
        }
        database.execute("drop schema if exists integration cascade; create schema integration;"
                + " set search_path to integration; "
                + script.replace("/*CREATE FUNCTION", "CREATE FUNCTION")
                        .replace("INT_CHANNEL_MESSAGE_NOTIFY_FCT();*/", "INT_CHANNEL_MESSAGE_NOTIFY_FCT();"));
        sender();
    }

    private synchronized PostgresSubscribableChannel sender() throws Exception {
        PostgresSubscribableChannel channel = sender;
        if (channel == null) {
            channel = channel(new PostgresChannelMessageTableSubscriber(this::connect));
            sender = channel;
        }
        return channel;
    }

    private PgConnection connect() throws java.sql.SQLException {
        return database.connect().unwrap(PgConnection.class);
    }

    private PostgresSubscribableChannel channel(PostgresChannelMessageTableSubscriber subscriber) throws Exception {
        JdbcChannelMessageStore store = new JdbcChannelMessageStore(database.pool());
        store.setTablePrefix("integration.INT_");
        store.setRegion("bench");
        PostgresChannelMessageStoreQueryProvider queries = new PostgresChannelMessageStoreQueryProvider();
        store.setChannelMessageStoreQueryProvider(queries);
        store.addAllowedPatterns("io.synckit.*", "java.*", "org.springframework.*");
        store.afterPropertiesSet();
        store.start();
        PostgresSubscribableChannel channel = new PostgresSubscribableChannel(store, GROUP, subscriber);
        channel.setBeanName(GROUP);
        channel.setBeanFactory(new DefaultListableBeanFactory());
        channel.setTransactionManager(new DataSourceTransactionManager(database.pool()));
        return channel;
    }

    @Override
    public long store(Order order) throws Exception {
        long start = System.nanoTime();
        storeBatch(List.of(order));
        return start;
    }

    @Override
    public void storeBatch(List<Order> orders) throws Exception {
        PostgresSubscribableChannel channel = sender();
        new TransactionTemplate(new DataSourceTransactionManager(database.pool()))
                .executeWithoutResult(
                        status -> orders.forEach(order -> channel.send(new GenericMessage<>(order.data()))));
    }

    @Override
    public Following follow(LongConsumer each) throws Exception {
        PostgresChannelMessageTableSubscriber subscriber = new PostgresChannelMessageTableSubscriber(this::connect);
        subscriber.setTaskExecutor(new SimpleAsyncTaskExecutor("integration-"));
        PostgresSubscribableChannel channel = channel(subscriber);
        ExecutorService threads = Executors.newFixedThreadPool(THREADS);
        if (tuned) {
            channel.setDispatcherExecutor(threads);
        }
        channel.afterPropertiesSet();
        MessageHandler handler = message -> each.accept(((Order.Data) message.getPayload()).n());
        channel.subscribe(handler);
        subscriber.start();
        return () -> {
            channel.unsubscribe(handler);
            subscriber.stop();
            threads.shutdown();
        };
    }
}
