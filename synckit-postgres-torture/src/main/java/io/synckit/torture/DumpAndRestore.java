package io.synckit.torture;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/** Moves the database to a new server: all connections end, the database is dumped and restored, and new connections go to the new server. */
final class DumpAndRestore {

    private final Stage stage;
    private int count;

    DumpAndRestore(Stage stage) {
        this.stage = stage;
    }

    void run() throws Exception {
        Server former = stage.server;
        stage.children.refuse();
        // Repeated, because PgBouncer may just have opened a connection for a waiting client.
        former.await(
                "select count(pg_terminate_backend(pid, 5000)) from pg_stat_activity"
                        + " where backend_type = 'client backend' and pid <> pg_backend_pid()",
                "0");
        Path dump = stage.data.resolve("dump-" + ++count + ".sql");
        Server restored = former.like(stage.data.resolve("restored-" + count));
        restored.start();
        execute(former, List.of("pg_dump", "--file=" + dump));
        execute(restored, List.of("psql", "--quiet", "--no-psqlrc", "--set=ON_ERROR_STOP=1", "--file=" + dump));
        stage.moveTo(restored);
        stage.children.heal();
        former.stop("QUIT");
        Directories.delete(former.data());
        Files.delete(dump);
    }

    private static void execute(Server server, List<String> command) throws IOException, InterruptedException {
        ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
        builder.environment()
                .putAll(Map.of(
                        "PGHOST",
                        "localhost",
                        "PGPORT",
                        Integer.toString(server.port()),
                        "PGUSER",
                        "postgres",
                        "PGDATABASE",
                        "postgres"));
        Process process = builder.start();
        String output = new String(process.getInputStream().readAllBytes());
        if (process.waitFor() != 0) {
            throw new IllegalStateException(command + " has failed: " + output);
        }
    }
}
