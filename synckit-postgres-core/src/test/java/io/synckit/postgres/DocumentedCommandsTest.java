package io.synckit.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.synckit.Event;
import io.synckit.StoredEvent;
import io.synckit.Version;
import io.synckit.postgres.testing.SecretsAppender;
import io.synckit.postgres.testing.TestDatabase;
import io.synckit.postgres.testing.TestPostgres;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** Commands of the documentation, as they stand there. */
class DocumentedCommandsTest {

    private static final Path DOCS = Path.of("..", "docs");

    @TempDir
    private Path directory;

    @RegisterExtension
    private final TestDatabase source = TestPostgres.shared().migratedDatabase();

    @RegisterExtension
    private final TestDatabase target = TestPostgres.shared().migratedDatabase();

    private static PostgresEventStore store(TestDatabase database) {
        return PostgresEventStore.on(database.pool(), Config.defaults());
    }

    private static String block(String page, String language, String containing) throws IOException {
        Matcher blocks = Pattern.compile("(?ms)^```(\\w*)\n(.*?)^```$").matcher(Files.readString(DOCS.resolve(page)));
        return blocks.results()
                .filter(block -> block.group(1).equals(language))
                .map(block -> block.group(2))
                .filter(block -> block.contains(containing))
                .findFirst()
                .orElseThrow();
    }

    /** pg_dump refuses servers that are newer than itself, so this runs where its version is that of the server. */
    @Test
    void dataAloneIsDumpedAndRestored() throws Exception {
        boolean sameVersion = run(List.of("pg_dump", "--version"))
                .contains(" " + source.query("select current_setting('server_version_num')::integer / 10000") + ".");
        assertThat(sameVersion || System.getenv("SYNCKIT_REQUIRE_PG_DUMP") == null)
                .isTrue();
        assumeTrue(sameVersion);
        for (int i = 0; i < 9; i++) {
            store(source).store(Event.of("a-" + i % 3, "T", i));
        }
        source.execute(
                "begin; set local synckit.maintenance = 'on'; delete from synckit.events where version = 4; commit");

        for (String command : block("schema.md", "", "pg_restore").strip().split("\n")) {
            String database = command.startsWith("pg_dump") ? source.name() : target.name();
            run(List.of(
                    "bash",
                    "-c",
                    command.replaceFirst(" shop$", " " + database)
                            .replaceFirst("--dbname=shop ", "--dbname=" + database + " ")));
        }

        assertThat(store(target).load(Version.ZERO).events())
                .isEqualTo(store(source).load(Version.ZERO).events());
        assertThat(store(target).store(Event.of("a-0", "T", 9)).version()).isEqualTo(Version.of(10));
    }

    private String run(List<String> command) throws IOException, InterruptedException {
        ProcessBuilder builder =
                new ProcessBuilder(command).directory(directory.toFile()).redirectErrorStream(true);
        File output = directory.resolve("output").toFile();
        builder.redirectOutput(output);
        builder.environment().put("PGHOST", source.host());
        builder.environment().put("PGPORT", String.valueOf(source.port()));
        builder.environment().put("PGUSER", "postgres");
        builder.environment().put("PGPASSWORD", SecretsAppender.PASSWORD);
        int status;
        try {
            status = builder.start().waitFor();
        } catch (IOException e) {
            return "not installed";
        }
        String text = Files.readString(output.toPath());
        assertThat(status).as("%s: %s", command, text).isZero();
        return text;
    }

    @Test
    void dataOfAGoStoreIsImportedWithItsVersions() throws IOException {
        source.execute(
                "create table public.events (version bigserial primary key, id text unique not null, aggregate_id text not null,"
                        + " event_type text not null, data jsonb, metadata jsonb, created_at timestamptz default now())",
                "insert into public.events (version, id, aggregate_id, event_type, data, metadata) values"
                        + " (3, 'e3', 'a', 'T', '1', 'null'), (5, 'e5', 'b', 'T', '2', '{\"k\": 1}'), (8, 'e8', 'a', 'T', '3', null)");

        source.execute(block("from-go-sync-kit.md", "sql", "OVERRIDING SYSTEM VALUE"));

        List<StoredEvent> events = store(source).load(Version.ZERO).events();
        assertThat(events).extracting(event -> event.version().value()).containsExactly(3L, 5L, 8L);
        assertThat(events).extracting(StoredEvent::streamVersion).containsExactly(1L, 1L, 2L);
        assertThat(events).extracting(StoredEvent::metadataJson).containsExactly("{}", "{\"k\": 1}", "{}");
        assertThat(store(source).store(Event.of("a", "T", 4)).version()).isEqualTo(Version.of(9));
    }
}
