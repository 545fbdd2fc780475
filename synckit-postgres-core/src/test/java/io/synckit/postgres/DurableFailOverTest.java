package io.synckit.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import com.zaxxer.hikari.HikariDataSource;
import io.synckit.ConnectionSource;
import io.synckit.ConnectionSource.Borrowed;
import io.synckit.Event;
import io.synckit.StoredEvent;
import io.synckit.postgres.notification.NotificationListener;
import io.synckit.postgres.schema.SchemaMigrator;
import io.synckit.postgres.testing.Await;
import io.synckit.postgres.testing.TestDatabase;
import io.synckit.postgres.testing.TestPostgres;
import io.synckit.subscription.DurableOptions;
import io.synckit.subscription.DurableOptions.Delivery;
import io.synckit.subscription.DurableSubscription;
import io.synckit.subscription.ListenerStatus;
import io.synckit.subscription.LiveOptions;
import io.synckit.subscription.StartFrom;
import io.zonky.test.db.postgres.embedded.EmbeddedPostgres;
import java.io.IOException;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.postgresql.ds.PGSimpleDataSource;

/** Each test restarts its own server. It can change the tables meanwhile, as a promoted standby or a restore would. */
class DurableFailOverTest {

    @RegisterExtension
    private final TestDatabase onAnotherServer = TestPostgres.shared().migratedDatabase();

    /** One more than the deaths after which an event is parked. */
    private static final int RESTARTS = 4;

    /** Partitions that are lost are claimed again after two seconds, although a call hangs. */
    private static final Duration LONGER_THAN_A_HANGING_CALL = Duration.ofSeconds(4);

    /** The directory of a server with the tables. Each test copies it. */
    @TempDir
    private static Path template;

    @TempDir
    private Path data;

    private final BlockingQueue<String> handled = new LinkedBlockingQueue<>();
    private final PGSimpleDataSource physical = new PGSimpleDataSource();
    private final HikariDataSource pool = new HikariDataSource();
    private final AtomicReference<Runnable> afterGiveBack = new AtomicReference<>(() -> {});
    private final AtomicReference<@Nullable Connection> ofAnotherServer = new AtomicReference<>();
    private final ConnectionSource connections = withHook(ConnectionSource.of(pool));
    private final PostgresEventStore store = PostgresEventStore.on(physical, Config.defaults());
    private int port;
    private EmbeddedPostgres server;
    private NotificationListener listener;

    @BeforeAll
    static void createTemplate() throws IOException {
        try (EmbeddedPostgres server = server(template, freePort())) {
            new SchemaMigrator(server.getPostgresDatabase(), "synckit", "events", SchemaMigrator.Options.DEFAULTS)
                    .migrate();
        }
    }

    @BeforeEach
    void start() throws IOException, SQLException {
        copy(template, data);
        port = freePort();
        startServer();
        physical.setUrl(server.getJdbcUrl("postgres", "postgres"));
        pool.setDataSource(physical);
        execute("create table applied (id text)");
        listener = NotificationListener.builder(physical, connections, JsonCodecs.jackson())
                .withReconnectSettings(Duration.ofMillis(200), 1000)
                .build();
        listener.start();
    }

    @AfterEach
    void stop() throws IOException {
        listener.close();
        pool.close();
        server.close();
    }

    private static boolean isHandler() {
        return Thread.currentThread().getName().startsWith("synckit-live");
    }

    /** A hook runs after a connection is given back. A handler thread can get a connection to another server once. */
    private ConnectionSource withHook(ConnectionSource source) {
        return (ConnectionSource) Proxy.newProxyInstance(
                ConnectionSource.class.getClassLoader(),
                new Class<?>[] {ConnectionSource.class},
                (proxy, method, arguments) -> {
                    boolean borrows = method.getName().startsWith("borrow");
                    Connection other = borrows && isHandler() ? ofAnotherServer.getAndSet(null) : null;
                    if (other != null) {
                        return new Borrowed(other, false, other::close);
                    }
                    try {
                        Object result = method.invoke(source, arguments);
                        return result instanceof Borrowed borrowed ? withHook(borrowed) : result;
                    } catch (InvocationTargetException e) {
                        throw e.getCause();
                    }
                });
    }

    private Borrowed withHook(Borrowed borrowed) {
        return new Borrowed(borrowed.connection(), borrowed.inCallersTransaction(), () -> {
            borrowed.close();
            afterGiveBack.get().run();
        });
    }

    private void startServer() throws IOException {
        server = server(data, port);
    }

    private static EmbeddedPostgres server(Path directory, int port) throws IOException {
        return EmbeddedPostgres.builder()
                .setDataDirectory(directory)
                .setCleanDataDirectory(false)
                .setPort(port)
                .setPGStartupWait(Duration.ofMinutes(2))
                .start();
    }

    private static void copy(Path from, Path to) throws IOException {
        try (Stream<Path> files = Files.walk(from).skip(1)) {
            for (Path file : (Iterable<Path>) files::iterator) {
                Files.copy(file, to.resolve(from.relativize(file)));
            }
        }
    }

    private static int freePort() throws IOException {
        try (ServerSocket free = new ServerSocket(0)) {
            return free.getLocalPort();
        }
    }

    private void restart() throws Exception {
        restart(database -> {});
    }

    /** The tables change while no process can connect. */
    private void restart(Change change) throws Exception {
        server.close();
        int formerPort = port;
        port = freePort();
        startServer();
        PGSimpleDataSource onOtherPort = new PGSimpleDataSource();
        onOtherPort.setUrl(server.getJdbcUrl("postgres", "postgres"));
        change.make(onOtherPort);
        server.close();
        port = formerPort;
        startServer();
    }

    private interface Change {
        void make(PGSimpleDataSource database) throws SQLException;
    }

    private static DurableOptions options(Delivery delivery) {
        return DurableOptions.named("numbers").startFrom(StartFrom.beginning()).delivery(delivery);
    }

    @ParameterizedTest
    @EnumSource(Delivery.class)
    void eventThatGetsTheVersionOfALostOneIsHandled(Delivery delivery) throws Exception {
        CountDownLatch goOn = new CountDownLatch(1);
        listener.subscriptions().durable(options(delivery), (event, context) -> {
            handled.add(event.id());
            if (event.id().equals("lost")) {
                assertThat(goOn.await(4, TimeUnit.MINUTES)).isTrue();
            }
            apply(event);
        });
        store.store(Event.of("a", "T", 1).withId("first"));
        assertThat(next()).isEqualTo("first");
        Await.until(
                () -> query("select position from synckit.events_checkpoints").equals("1"));
        store.store(Event.of("a", "T", 2).withId("lost"));
        assertThat(next()).isEqualTo("lost");

        restart();
        execute(
                "set synckit.maintenance = 'on'",
                "delete from synckit.events where id = 'lost'",
                "select setval('synckit.events_version_seq', 1)");
        goOn.countDown();
        store.store(Event.of("a", "T", 3).withId("next"));

        assertThat(next()).isEqualTo("next");
        if (delivery == Delivery.EXACTLY_ONCE) {
            Await.until(() ->
                    query("select string_agg(id, ' ' order by id) from applied").equals("first next"));
        }
    }

    /** The process claims its partitions again, and is not seen as its own dead predecessor. */
    @Test
    void restartsOfTheServerAreNotDeathsOfTheProcess() throws Exception {
        BlockingQueue<String> restarted = new LinkedBlockingQueue<>();
        listener.subscriptions().durable(options(Delivery.EXACTLY_ONCE), (event, context) -> {
            handled.add(event.id());
            assertThat(restarted.poll(4, TimeUnit.MINUTES)).isNotNull();
            apply(event);
        });
        store.store(Event.of("a", "T", 1).withId("long"));
        for (int i = 0; i < RESTARTS; i++) {
            assertThat(next()).isEqualTo("long");
            restart();
            restarted.add("again");
        }
        assertThat(next()).isEqualTo("long");
        restarted.add("no more");

        Await.until(() -> query("select count(*) from applied").equals("1"));
    }

    /** The claim is committed, and its run is added only after the reader has gone to the new server. */
    @Test
    void claimOfTheFormerServerIsMadeAgain() throws Exception {
        CountDownLatch claimed = new CountDownLatch(1);
        CountDownLatch goOn = new CountDownLatch(1);
        BlockingQueue<String> live = new LinkedBlockingQueue<>();
        listener.subscriptions().live(LiveOptions.named("live"), event -> live.add(event.id()));
        afterGiveBack.set(() -> {
            if (Thread.currentThread().getName().startsWith("synckit-durable")
                    && claimed.getCount() > 0
                    && query("select count(owner) from synckit.events_checkpoints")
                            .equals("1")) {
                claimed.countDown();
                await(goOn);
            }
        });
        listener.subscriptions().durable(options(Delivery.AT_LEAST_ONCE), (event, context) -> handled.add(event.id()));
        await(claimed);
        restart();
        store.store(Event.of("a", "T", 1).withId("first"));
        assertThat(live.poll(4, TimeUnit.MINUTES)).isEqualTo("first");
        pool.getHikariPoolMXBean().softEvictConnections();

        goOn.countDown();

        assertThat(next()).isEqualTo("first");
    }

    /** The restart can also lose the claim, or the row of the process. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "select 1",
                "update synckit.events_checkpoints set owner = null, epoch = epoch - 1",
                "delete from synckit.events_instances"
            })
    void retryWaitsForTheRunningCallAfterARestart(String change) throws Exception {
        AtomicInteger running = new AtomicInteger();
        AtomicInteger mostCalls = new AtomicInteger();
        CountDownLatch goOn = new CountDownLatch(1);
        listener.subscriptions().durable(options(Delivery.AT_LEAST_ONCE), (event, context) -> {
            mostCalls.accumulateAndGet(running.incrementAndGet(), Math::max);
            handled.add(event.id());
            if (event.id().equals("slow")) {
                await(goOn);
            }
            running.decrementAndGet();
        });
        store.store(Event.of("a", "T", 1).withId("first"));
        store.store(Event.of("a", "T", 2).withId("slow"));
        assertThat(next()).isEqualTo("first");
        assertThat(next()).isEqualTo("slow");

        restart(database -> execute(database, change));
        Await.until(() -> listener.status().state() == ListenerStatus.State.LISTENING);
        Instant reconnected = listener.status().since();
        Await.until(() -> Duration.between(reconnected, Instant.now()).compareTo(LONGER_THAN_A_HANGING_CALL) > 0);
        goOn.countDown();
        store.store(Event.of("a", "T", 3).withId("last"));

        while (!"last".equals(next())) {
            // Events whose positions were not stored are repeated.
        }
        assertThat(mostCalls).hasValue(1);
    }

    /** Only the events were restored, and the new log has passed the checkpoint before the process connects again. */
    @Test
    void partitionStopsIfItsEventsWereReplacedDuringARestart() throws Exception {
        DurableSubscription subscription = listener.subscriptions()
                .durable(options(Delivery.AT_LEAST_ONCE), (event, context) -> handled.add(event.id()));
        for (int i = 1; i <= 5; i++) {
            store.store(Event.of("a", "T", i).withId("old-" + i));
        }
        Await.until(
                () -> query("select position from synckit.events_checkpoints").equals("5"));
        restart(database -> {
            execute(
                    database,
                    "set synckit.maintenance = 'on'",
                    "delete from synckit.events where version > 2",
                    "select setval('synckit.events_version_seq', 2)");
            PostgresEventStore restored = PostgresEventStore.on(database, Config.defaults());
            for (int i = 3; i <= 6; i++) {
                restored.store(Event.of("b", "T", i).withId("new-" + i));
            }
        });

        Await.until(() -> subscription.activity().get(0).state() == DurableSubscription.State.STOPPED);
        assertThat(handled).containsExactly("old-1", "old-2", "old-3", "old-4", "old-5");
    }

    @Test
    void partitionContinuesIfItsStopWasLost() throws Exception {
        AtomicBoolean fails = new AtomicBoolean(true);
        DurableOptions options =
                options(Delivery.EXACTLY_ONCE).maxRetries(0).onExhausted(DurableOptions.OnExhausted.STOP);
        DurableSubscription subscription = listener.subscriptions().durable(options, (event, context) -> {
            if (fails.get()) {
                throw new IllegalStateException("on purpose");
            }
            apply(event);
        });
        store.store(Event.of("a", "T", 1).withId("first"));
        Await.until(() -> subscription.activity().get(0).state() == DurableSubscription.State.STOPPED);
        fails.set(false);

        restart(database -> execute(
                database, "update synckit.events_checkpoints set retry_at = null, suspect = null, attempts = 0"));

        Await.until(() -> query("select count(*) from applied").equals("1"));
    }

    /** The fail-over has lost the row and the number of this process, and another process has got the number before. */
    @Test
    void processWhoseIdWasLostGetsAnotherOne() throws Exception {
        listener.subscriptions().durable(options(Delivery.AT_LEAST_ONCE), (event, context) -> handled.add(event.id()));
        Await.until(() -> query("select count(*) from synckit.events_instances").equals("1"));
        String id = query("select id from synckit.events_instances");
        String url = server.getJdbcUrl("postgres", "postgres");
        physical.setUrl("jdbc:postgresql://localhost:1/postgres");
        restart(database -> execute(
                database,
                "delete from synckit.events_instances",
                "alter sequence synckit.events_instances_id_seq restart with " + id));
        PGSimpleDataSource ofOther = new PGSimpleDataSource();
        ofOther.setUrl(url);
        try (NotificationListener other = NotificationListener.builder(
                        ofOther, ConnectionSource.of(ofOther), JsonCodecs.jackson())
                .build()) {
            other.start();
            other.subscriptions().durable(options(Delivery.AT_LEAST_ONCE), (event, context) -> handled.add(event.id()));
            Await.until(
                    () -> id.equals(query(ofOther, "select string_agg(id::text, '') from synckit.events_instances")));

            physical.setUrl(url);

            Await.until(
                    () -> query("select count(*) from synckit.events_instances").equals("2"));
        }
    }

    /** The pool can still have a connection to the former primary. */
    @Test
    void waitingKeysOfAnotherServerAreNotUsed() throws Exception {
        onAnotherServer.execute("insert into synckit.events_subscriptions (name, partitions) values ('numbers', 1)");
        onAnotherServer.execute(
                "insert into synckit.events_parked (subscription, key, next_version, failed_version, attempts, failure_type, failure)"
                        + " values ('numbers', 'a', 1, 1, 1, 'Other', 'other')");
        ofAnotherServer.set(DriverManager.getConnection(onAnotherServer.url()));
        listener.subscriptions().durable(options(Delivery.AT_LEAST_ONCE), (event, context) -> handled.add(event.id()));

        store.store(Event.of("a", "T", 1).withId("first"));

        assertThat(next()).isEqualTo("first");
        assertThat(ofAnotherServer.get()).isNull();
    }

    private static void await(CountDownLatch latch) {
        try {
            assertThat(latch.await(4, TimeUnit.MINUTES)).isTrue();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    private void apply(StoredEvent event) throws SQLException {
        try (Borrowed borrowed = connections.borrow();
                Statement statement = borrowed.connection().createStatement()) {
            statement.execute("insert into applied values ('" + event.id() + "')");
        }
    }

    private String next() throws InterruptedException {
        return handled.poll(4, TimeUnit.MINUTES);
    }

    private void execute(String... statements) throws SQLException {
        execute(physical, statements);
    }

    private static void execute(PGSimpleDataSource database, String... statements) throws SQLException {
        try (Connection connection = database.getConnection();
                Statement statement = connection.createStatement()) {
            for (String sql : statements) {
                statement.execute(sql);
            }
        }
    }

    private String query(String sql) {
        return query(physical, sql);
    }

    private static String query(PGSimpleDataSource database, String sql) {
        try (Connection connection = database.getConnection();
                Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery(sql)) {
            rows.next();
            return rows.getString(1);
        } catch (SQLException e) {
            throw new IllegalStateException(e);
        }
    }
}
