package io.synckit.postgres;

import static io.synckit.postgres.testing.InThread.inThread;
import static org.assertj.core.api.Assertions.assertThat;

import io.synckit.Event;
import io.synckit.StoredEvent;
import io.synckit.Version;
import io.synckit.postgres.schema.SchemaMigrator;
import io.synckit.postgres.testing.Await;
import io.synckit.postgres.testing.SecretsAppender;
import io.zonky.test.db.postgres.embedded.EmbeddedPostgres;
import java.io.IOException;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The events table fed by logical replication, as docs/schema.md describes it; two servers. */
class ReplicationTest {

    private static final long PAUSE = Duration.ofMillis(50).toNanos();

    private EmbeddedPostgres publisher;
    private EmbeddedPostgres subscriber;

    @BeforeEach
    void start() throws IOException {
        publisher = server();
        subscriber = server();
    }

    @AfterEach
    void stop() throws IOException {
        subscriber.close();
        publisher.close();
    }

    private static EmbeddedPostgres server() throws IOException {
        EmbeddedPostgres server = EmbeddedPostgres.builder()
                .setPGStartupWait(Duration.ofMinutes(2))
                .setServerConfig("wal_level", "logical")
                .start();
        new SchemaMigrator(server.getPostgresDatabase(), "synckit", "events", SchemaMigrator.Options.DEFAULTS)
                .migrate();
        return server;
    }

    private static PostgresEventStore store(EmbeddedPostgres server) {
        return PostgresEventStore.on(server.getPostgresDatabase(), Config.defaults());
    }

    private static void execute(EmbeddedPostgres server, String sql) {
        try (Connection connection = server.getPostgresDatabase().getConnection();
                Statement statement = connection.createStatement()) {
            statement.execute(sql);
        } catch (SQLException e) {
            throw new IllegalStateException(sql, e);
        }
    }

    private static String query(EmbeddedPostgres server, String sql) {
        try (Connection connection = server.getPostgresDatabase().getConnection();
                Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery(sql)) {
            rows.next();
            return rows.getString(1);
        } catch (SQLException e) {
            throw new IllegalStateException(sql, e);
        }
    }

    @Test
    void firstCopyEndsAndKeepsTheOrderOfStreams() {
        PostgresEventStore source = store(publisher);
        write(source, 50);
        execute(
                publisher,
                "begin; set local synckit.maintenance = 'on';"
                        + " delete from synckit.events where version % 7 = 0; commit");
        AtomicBoolean writing = new AtomicBoolean(true);
        List<CompletableFuture<Void>> writers = IntStream.range(0, 4)
                .mapToObj(writer -> inThread(() -> {
                    while (writing.get()) {
                        write(source, 1);
                        // Without pauses the copy would hardly catch up.
                        LockSupport.parkNanos(PAUSE);
                    }
                }))
                .toList();
        execute(publisher, "create publication events for table synckit.events with (publish = 'insert')");
        execute(
                subscriber,
                "create subscription events connection 'host=localhost port=" + publisher.getPort()
                        + " user=postgres dbname=postgres password=" + SecretsAppender.PASSWORD
                        + "' publication events");
        Await.until(() -> "r".equals(query(subscriber, "select srsubstate from pg_subscription_rel")));
        writing.set(false);
        writers.forEach(CompletableFuture::join);
        source.store(Event.of("last", "T", 0).withId("last"));
        Await.until(() -> store(subscriber).find("last").isPresent());

        List<StoredEvent> original = all(publisher);
        List<StoredEvent> replica = all(subscriber);
        assertThat(replica)
                .extracting(StoredEvent::id)
                .containsExactlyInAnyOrderElementsOf(
                        original.stream().map(StoredEvent::id).toList());
        assertThat(streamVersions(replica)).isEqualTo(streamVersions(original));
        replica.stream()
                .collect(Collectors.groupingBy(StoredEvent::aggregateId))
                .values()
                .forEach(stream ->
                        assertThat(stream).isSortedAccordingTo(Comparator.comparingLong(StoredEvent::streamVersion)));
        assertThat(query(
                        subscriber,
                        "select (select max(version) from synckit.events) <= last_value"
                                + " from synckit.events_version_seq"))
                .isEqualTo("t");
        execute(subscriber, "alter subscription events disable");
        execute(subscriber, "alter subscription events set (slot_name = none)");
        execute(subscriber, "drop subscription events");
    }

    private static void write(PostgresEventStore store, int rounds) {
        for (int i = 0; i < rounds; i++) {
            for (int aggregate = 0; aggregate < 5; aggregate++) {
                store.store(Event.of("a-" + aggregate, "T", i));
            }
        }
    }

    private static List<StoredEvent> all(EmbeddedPostgres server) {
        try (Stream<StoredEvent> events = store(server).stream(Version.ZERO)) {
            return new ArrayList<>(events.toList());
        }
    }

    private static Map<String, Long> streamVersions(List<StoredEvent> events) {
        return events.stream().collect(Collectors.toMap(StoredEvent::id, StoredEvent::streamVersion));
    }
}
