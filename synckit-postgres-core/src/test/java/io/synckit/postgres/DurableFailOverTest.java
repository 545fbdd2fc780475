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
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.postgresql.ds.PGSimpleDataSource;

/** A server of its own that is started again without the last event, like a standby that lacked it and was promoted. */
class DurableFailOverTest {

    @TempDir
    private Path data;

    private final BlockingQueue<String> handled = new LinkedBlockingQueue<>();
    private final CountDownLatch goOn = new CountDownLatch(1);
    private int port;

    @BeforeEach
    void choosePort() throws IOException {
        try (ServerSocket free = new ServerSocket(0)) {
            port = free.getLocalPort();
        }
    }

    private EmbeddedPostgres start() throws IOException {
        return EmbeddedPostgres.builder()
                .setDataDirectory(data)
                .setCleanDataDirectory(false)
                .setPort(port)
                .setPGStartupWait(Duration.ofMinutes(2))
                .start();
    }

    @ParameterizedTest
    @EnumSource(Delivery.class)
    void ownerDoesNotPassAnEventThatWasLost(Delivery delivery) throws Exception {
        EmbeddedPostgres server = start();
        PGSimpleDataSource physical = new PGSimpleDataSource();
        physical.setUrl(server.getJdbcUrl("postgres", "postgres"));
        new SchemaMigrator(physical, "synckit", "events", SchemaMigrator.Options.DEFAULTS).migrate();
        execute(physical, "create table applied (id text)");
        try (HikariDataSource pool = new HikariDataSource()) {
            pool.setDataSource(physical);
            ConnectionSource connections = ConnectionSource.of(pool);
            PostgresEventStore store = PostgresEventStore.on(physical, Config.defaults());
            try (NotificationListener listener = NotificationListener.builder(
                            physical, connections, JsonCodecs.jackson())
                    .withReconnectSettings(Duration.ofMillis(200), 1000)
                    .build()) {
                listener.start();
                DurableOptions options = DurableOptions.named("numbers")
                        .startFrom(StartFrom.beginning())
                        .delivery(delivery);
                listener.subscriptions().durable(options, (event, context) -> handle(connections, event));
                store.store(Event.of("a", "T", 1).withId("first"));
                assertThat(take(1)).containsExactly("first");
                Await.until(() -> query(physical, "select position from synckit.events_checkpoints")
                        .equals("1"));
                store.store(Event.of("a", "T", 2).withId("lost"));
                assertThat(take(1)).containsExactly("lost");

                server.close();
                server = start();
                execute(
                        physical,
                        "set synckit.maintenance = 'on'",
                        "delete from synckit.events where id = 'lost'",
                        "select setval('synckit.events_version_seq', 1)");
                goOn.countDown();
                store.store(Event.of("a", "T", 3).withId("next"));

                assertThat(take(1)).containsExactly("next");
                if (delivery == Delivery.EXACTLY_ONCE) {
                    assertThat(query(physical, "select string_agg(id, ' ' order by id) from applied"))
                            .isEqualTo("first next");
                }
            }
        } finally {
            server.close();
        }
    }

    /** While the event is handled that will be lost, the server is replaced. */
    private void handle(ConnectionSource connections, StoredEvent event) throws Exception {
        if (event.id().equals("lost")) {
            handled.add(event.id());
            assertThat(goOn.await(4, TimeUnit.MINUTES)).isTrue();
        }
        try (ConnectionSource.Borrowed borrowed = connections.borrow();
                Statement statement = borrowed.connection().createStatement()) {
            statement.execute("insert into applied values ('" + event.id() + "')");
        }
        if (!event.id().equals("lost")) {
            handled.add(event.id());
        }
    }

    private List<String> take(int number) throws InterruptedException {
        String[] ids = new String[number];
        for (int i = 0; i < number; i++) {
            ids[i] = handled.poll(4, TimeUnit.MINUTES);
        }
        return Arrays.asList(ids);
    }

    private static void execute(PGSimpleDataSource database, String... statements) throws SQLException {
        try (Connection connection = database.getConnection();
                Statement statement = connection.createStatement()) {
            for (String sql : statements) {
                statement.execute(sql);
            }
        }
    }

    private static String query(PGSimpleDataSource database, String sql) {
        try (Connection connection = database.getConnection();
                Statement statement = connection.createStatement();
                var rows = statement.executeQuery(sql)) {
            rows.next();
            return rows.getString(1);
        } catch (SQLException e) {
            throw new IllegalStateException(e);
        }
    }
}
