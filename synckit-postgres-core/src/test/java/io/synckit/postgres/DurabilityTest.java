package io.synckit.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import io.synckit.Event;
import io.synckit.EventPage;
import io.synckit.StoredEvent;
import io.synckit.Version;
import io.synckit.postgres.schema.SchemaMigrator;
import io.zonky.test.db.postgres.embedded.EmbeddedPostgres;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A server of its own with synchronous_commit off, which crashes. */
class DurabilityTest {

    @TempDir
    private Path data;

    private EmbeddedPostgres start() throws IOException {
        return EmbeddedPostgres.builder()
                .setDataDirectory(data)
                .setCleanDataDirectory(false)
                .setPGStartupWait(Duration.ofMinutes(2))
                .setServerConfig("synchronous_commit", "off")
                .setServerConfig("wal_writer_delay", "10s")
                .start();
    }

    private static PostgresEventStore store(EmbeddedPostgres server) {
        return PostgresEventStore.on(server.getPostgresDatabase(), Config.defaults());
    }

    @Test
    void acknowledgedEventsSurviveACrashOfTheServer() throws Exception {
        EmbeddedPostgres server = start();
        new SchemaMigrator(server.getPostgresDatabase(), "synckit", "events", SchemaMigrator.Options.DEFAULTS)
                .migrate();
        List<String> acknowledged = new ArrayList<>();
        PostgresEventStore before = store(server);
        for (int i = 0; i < 50; i++) {
            acknowledged.add(before.store(Event.of("a", "T", i)).id());
        }
        EventPage followed = before.load(Version.ZERO);
        crash();
        server.close(); // releases the directory

        EmbeddedPostgres recovered = start();
        try {
            PostgresEventStore after = store(recovered);
            for (int i = 0; i < 50; i++) {
                acknowledged.add(after.store(Event.of("a", "T", i)).id());
            }
            List<String> read = new ArrayList<>(
                    followed.events().stream().map(StoredEvent::id).toList());
            after.load(followed.next()).forEach(event -> read.add(event.id()));
            assertThat(read).isEqualTo(acknowledged);
        } finally {
            recovered.close();
        }
    }

    /** As {@code pg_ctl stop -m immediate}. */
    private void crash() throws Exception {
        long pid = Long.parseLong(
                Files.readAllLines(data.resolve("postmaster.pid")).get(0).trim());
        assertThat(new ProcessBuilder("kill", "-QUIT", Long.toString(pid))
                        .start()
                        .waitFor())
                .isZero();
        ProcessHandle.of(pid)
                .ifPresent(postmaster ->
                        postmaster.onExit().orTimeout(60, TimeUnit.SECONDS).join());
    }
}
