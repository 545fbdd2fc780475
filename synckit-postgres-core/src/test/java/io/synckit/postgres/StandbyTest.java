package io.synckit.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.synckit.Event;
import io.synckit.EventStore;
import io.synckit.InvalidConnectionException;
import io.synckit.UnusableTransactionException;
import io.synckit.Version;
import io.synckit.postgres.schema.SchemaMigrator;
import io.zonky.test.db.postgres.embedded.EmbeddedPostgres;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A server in recovery sees the rows of the primary, but not the locks of its writers. */
class StandbyTest {

    private static EmbeddedPostgres start(Path data) throws IOException {
        return EmbeddedPostgres.builder()
                .setDataDirectory(data)
                .setCleanDataDirectory(false)
                .start();
    }

    @Test
    void standbyIsRejected(@TempDir Path directory) throws IOException {
        Path data = directory.resolve("data");
        try (EmbeddedPostgres primary = start(data)) {
            new SchemaMigrator(primary.getPostgresDatabase(), "synckit", "events", SchemaMigrator.Options.DEFAULTS)
                    .migrate();
            PostgresEventStore.on(primary.getPostgresDatabase(), Config.defaults())
                    .store(Event.of("a", "T", 1).withId("e-1"));
        }
        Files.createFile(data.resolve("standby.signal"));
        try (EmbeddedPostgres standby = start(data)) {
            EventStore store = PostgresEventStore.on(standby.getPostgresDatabase(), Config.defaults());

            assertThatExceptionOfType(InvalidConnectionException.class)
                    .isThrownBy(() -> store.load(Version.ZERO))
                    .withMessageContaining("standby")
                    .withMessageContaining("targetServerType=primary")
                    .returns(
                            InvalidConnectionException.Reason.UNSUPPORTED_DATABASE, InvalidConnectionException::reason);
            assertThatExceptionOfType(InvalidConnectionException.class).isThrownBy(() -> store.stream(Version.ZERO));
            assertThatExceptionOfType(InvalidConnectionException.class).isThrownBy(store::latestVersion);
            assertThatExceptionOfType(UnusableTransactionException.class)
                    .isThrownBy(() -> store.store(Event.of("a", "T", 2)));
            // One event, and one aggregate, are in order by themselves.
            assertThat(store.find("e-1")).isPresent();
            assertThat(store.loadByAggregate("a", Version.ZERO)).hasSize(1);
        }
    }
}
