package io.synckit.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import com.zaxxer.hikari.HikariDataSource;
import io.synckit.ConnectionSource;
import io.synckit.Event;
import io.synckit.StoredEvent;
import io.synckit.postgres.notification.NotificationListener;
import io.synckit.postgres.schema.SchemaMigrator;
import io.synckit.postgres.testing.Await;
import io.synckit.subscription.DurableOptions;
import io.synckit.subscription.DurableOptions.Delivery;
import io.synckit.subscription.StartFrom;
import io.zonky.test.db.postgres.embedded.EmbeddedPostgres;
import java.io.IOException;
import java.net.ServerSocket;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.postgresql.ds.PGSimpleDataSource;

/** A server of its own that is started again. A test can delete the last event then, as if a standby without it was promoted. */
class DurableFailOverTest {

    /** One more than the deaths after which an event is parked. */
    private static final int RESTARTS = 4;

    @TempDir
    private Path data;

    private final BlockingQueue<String> handled = new LinkedBlockingQueue<>();
    private final PGSimpleDataSource physical = new PGSimpleDataSource();
    private final HikariDataSource pool = new HikariDataSource();
    private final ConnectionSource connections = ConnectionSource.of(pool);
    private final PostgresEventStore store = PostgresEventStore.on(physical, Config.defaults());
    private int port;
    private EmbeddedPostgres server;
    private NotificationListener listener;

    @BeforeEach
    void start() throws IOException, SQLException {
        try (ServerSocket free = new ServerSocket(0)) {
            port = free.getLocalPort();
        }
        startServer();
        physical.setUrl(server.getJdbcUrl("postgres", "postgres"));
        pool.setDataSource(physical);
        new SchemaMigrator(physical, "synckit", "events", SchemaMigrator.Options.DEFAULTS).migrate();
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

    private void startServer() throws IOException {
        server = EmbeddedPostgres.builder()
                .setDataDirectory(data)
                .setCleanDataDirectory(false)
                .setPort(port)
                .setPGStartupWait(Duration.ofMinutes(2))
                .start();
    }

    private void restart() throws IOException {
        server.close();
        startServer();
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

    private void apply(StoredEvent event) throws SQLException {
        try (ConnectionSource.Borrowed borrowed = connections.borrow();
                Statement statement = borrowed.connection().createStatement()) {
            statement.execute("insert into applied values ('" + event.id() + "')");
        }
    }

    private String next() throws InterruptedException {
        return handled.poll(4, TimeUnit.MINUTES);
    }

    private void execute(String... statements) throws SQLException {
        try (Connection connection = physical.getConnection();
                Statement statement = connection.createStatement()) {
            for (String sql : statements) {
                statement.execute(sql);
            }
        }
    }

    private String query(String sql) {
        try (Connection connection = physical.getConnection();
                Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery(sql)) {
            rows.next();
            return rows.getString(1);
        } catch (SQLException e) {
            throw new IllegalStateException(e);
        }
    }
}
