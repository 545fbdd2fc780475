package io.synckit.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import io.synckit.Event;
import io.synckit.EventStore;
import io.synckit.Filter;
import io.synckit.StoredEvent;
import io.synckit.Version;
import io.synckit.postgres.internal.sql.PhysicalConnections;
import io.synckit.postgres.schema.SchemaMigrator;
import io.synckit.postgres.testing.Await;
import io.synckit.postgres.testing.SecretsAppender;
import io.synckit.subscription.ListenerStatus.State;
import io.synckit.subscription.LiveNotice;
import io.synckit.subscription.LiveOptions;
import io.zonky.test.db.postgres.embedded.EmbeddedPostgres;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Flow;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Live subscribers from a version, compared with the table at the end: 16 writers flat out, a tenth of them rolling back, long
 * transactions and rows from elsewhere, while the listener's backend is terminated every second and the server restarted three times.
 */
@Timeout(value = 15, unit = TimeUnit.MINUTES)
class LiveProofTest {

    /** The proof runs until this many events are delivered, however long that takes. */
    private static final int LEAST_EVENTS = 1000;

    private static final int WRITERS = 16;
    private static final int AGGREGATES = 40;
    private static final int RESTARTS = 3;
    private static final int TERMINATIONS_BETWEEN_RESTARTS = 3;
    private static final Duration BETWEEN_TERMINATIONS = Duration.ofSeconds(1);

    private final long seed = new Random().nextLong();
    private final AtomicInteger reconnects = new AtomicInteger();
    private volatile boolean writing = true;

    @TempDir
    private Path data;

    private final int port = freePort();

    private static int freePort() {
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    private EmbeddedPostgres startServer() throws IOException {
        return EmbeddedPostgres.builder()
                .setDataDirectory(data)
                .setCleanDataDirectory(false)
                .setPort(port)
                .setServerConfig("fsync", "on")
                .setServerConfig("synchronous_commit", "on")
                .setServerConfig("max_connections", "100")
                .setPGStartupWait(Duration.ofMinutes(2))
                .start();
    }

    @Test
    void noEventIsLostDuplicatedOrReordered() throws Exception {
        EmbeddedPostgres server = startServer();
        String url = server.getJdbcUrl("postgres", "postgres") + "&password=" + SecretsAppender.PASSWORD;
        new SchemaMigrator(server.getPostgresDatabase(), "synckit", "events", SchemaMigrator.Options.DEFAULTS)
                .migrate();
        ExecutorService threads = Executors.newCachedThreadPool();
        Map<String, List<StoredEvent>> seen = Map.of(
                "all",
                synchronizedList(),
                "type",
                synchronizedList(),
                "stream",
                synchronizedList(),
                "flow",
                synchronizedList());
        try (HikariDataSource pool = pool(url);
                RealtimeEventStore store = RealtimeEventStore.on(
                        pool,
                        PhysicalConnections.of(url, null, null),
                        Config.builder()
                                .reconnectInterval(Duration.ofMillis(100))
                                .maxReconnectAttempts(100_000)
                                .build())) {
            subscribe(store, seen);
            List<Future<?>> writers = new ArrayList<>();
            for (int i = 0; i < WRITERS; i++) {
                Random random = new Random(seed + i);
                writers.add(threads.submit(() -> write(store, pool, random)));
            }
            for (int restart = 0; restart < RESTARTS; restart++) {
                for (int i = 0; i < TERMINATIONS_BETWEEN_RESTARTS; i++) {
                    terminateListener(store, server);
                }
                server.close();
                server = startServer();
            }
            terminateListener(store, server);
            Await.until(() -> seen.get("all").size() > LEAST_EVENTS);
            writing = false;
            for (Future<?> writer : writers) {
                writer.get();
            }
            List<String> stored = stored(url);
            Await.until(() -> seen.get("all").size() >= stored.size());

            assertThat(stored.size()).as("events, seed %d", seed).isGreaterThan(LEAST_EVENTS);
            assertThat(reconnects.get()).isGreaterThanOrEqualTo(RESTARTS);
            assertThat(ids(seen.get("all"))).as("all").isEqualTo(stored);
            Await.until(() -> seen.get("flow").size() >= stored.size());
            assertThat(ids(seen.get("flow"))).as("flow").isEqualTo(stored);
            assertPart(seen, "type", event -> event.type().equals("T1"));
            assertPart(seen, "stream", event -> event.aggregateId().equals("agg-7"));
        } finally {
            threads.shutdownNow();
            server.close();
        }
    }

    private static List<StoredEvent> synchronizedList() {
        return Collections.synchronizedList(new ArrayList<>());
    }

    private static void assertPart(
            Map<String, List<StoredEvent>> seen, String name, java.util.function.Predicate<StoredEvent> part) {
        List<String> expected = ids(seen.get("all").stream().filter(part).toList());
        Await.until(() -> seen.get(name).size() >= expected.size());
        assertThat(ids(seen.get(name))).as(name).isEqualTo(expected);
    }

    private static List<String> ids(List<StoredEvent> events) {
        return List.copyOf(events).stream().map(StoredEvent::id).toList();
    }

    private void subscribe(RealtimeEventStore store, Map<String, List<StoredEvent>> seen) {
        LiveOptions all = LiveOptions.named("test").from(Version.ZERO);
        store.subscriptions()
                .live(
                        all.onNotice(notice -> {
                            if (notice instanceof LiveNotice.Reconnected) {
                                reconnects.incrementAndGet();
                            }
                        }),
                        seen.get("all")::add);
        store.subscriptions()
                .live(LiveOptions.named("test").filter(Filter.types("T1")).from(Version.ZERO), seen.get("type")::add);
        store.subscriptions()
                .live(
                        LiveOptions.named("test")
                                .filter(Filter.aggregateIds("agg-7"))
                                .from(Version.ZERO),
                        seen.get("stream")::add);
        store.subscriptions().publisher(all).subscribe(new Flow.Subscriber<>() {

            private Flow.Subscription subscription;

            @Override
            public void onSubscribe(Flow.Subscription given) {
                subscription = given;
                subscription.request(10);
            }

            @Override
            public void onNext(StoredEvent event) {
                seen.get("flow").add(event);
                subscription.request(1);
            }

            @Override
            public void onError(Throwable failure) {
                throw new AssertionError(failure);
            }

            @Override
            public void onComplete() {
                // The store was closed.
            }
        });
    }

    private static HikariDataSource pool(String url) {
        HikariConfig config = new HikariConfig();
        config.setJdbcUrl(url);
        config.setMaximumPoolSize(WRITERS + 4);
        config.setConnectionTimeout(1000);
        return new HikariDataSource(config);
    }

    /** Until the end; what fails when the server goes is tried again or not, the table knows. */
    private void write(EventStore store, HikariDataSource pool, Random random) {
        while (writing) {
            try {
                switch (random.nextInt(10)) {
                    case 0 -> inTransaction(pool, random, false);
                    case 1, 2 -> inTransaction(pool, random, true);
                    default -> store.store(event(random));
                }
            } catch (RuntimeException | SQLException e) {
                // The server is gone for a moment.
                LockSupport.parkNanos(10_000_000);
            }
        }
    }

    /** By the library and by hand, and sometimes long. */
    private static void inTransaction(HikariDataSource pool, Random random, boolean commit) throws SQLException {
        try (Connection connection = pool.getConnection();
                Statement statement = connection.createStatement()) {
            connection.setAutoCommit(false);
            for (int i = random.nextInt(3); i >= 0; i--) {
                Event event = event(random);
                statement.execute("insert into synckit.events (id, aggregate_id, event_type, data) values ('"
                        + event.id() + "', 'foreign-" + event.id() + "', '" + event.type() + "', '1')");
                LockSupport.parkNanos(random.nextInt(20) == 0 ? 200_000_000 : random.nextInt(3_000_000));
            }
            if (commit) {
                connection.commit();
            } else {
                connection.rollback();
            }
        }
    }

    private static Event event(Random random) {
        return Event.of(
                "agg-" + random.nextInt(AGGREGATES),
                "T" + random.nextInt(3),
                SecretsAppender.PAYLOAD + random.nextInt());
    }

    private static void terminateListener(RealtimeEventStore store, EmbeddedPostgres server) throws SQLException {
        Await.until(() -> store.listener().status().state() == State.LISTENING);
        LockSupport.parkNanos(BETWEEN_TERMINATIONS.toNanos());
        Integer pid = store.listener().status().backendPid();
        if (pid != null) {
            try (Connection connection = server.getPostgresDatabase().getConnection();
                    Statement statement = connection.createStatement()) {
                statement.execute("select pg_terminate_backend(" + pid + ")");
            }
        }
    }

    private static List<String> stored(String url) throws SQLException {
        List<String> ids = new ArrayList<>();
        try (Connection connection = java.sql.DriverManager.getConnection(url);
                Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery("select id from synckit.events order by version")) {
            while (rows.next()) {
                ids.add(rows.getString(1));
            }
        }
        return ids;
    }
}
