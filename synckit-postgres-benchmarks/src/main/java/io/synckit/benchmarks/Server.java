package io.synckit.benchmarks;

import io.synckit.benchmarks.contenders.Database;
import io.zonky.test.db.postgres.embedded.EmbeddedPostgres;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/** The PostgreSQL of a run: an embedded one with durable commits, or the one of a URL. */
final class Server implements AutoCloseable {

    private static final int CONNECTIONS = 100;

    private final @Nullable EmbeddedPostgres embedded;
    private final Database database;

    private Server(@Nullable EmbeddedPostgres embedded, String url) {
        this.embedded = embedded;
        this.database = new Database(url, CONNECTIONS);
    }

    /**
     * @param jdbcUrl URL of an existing server; null for an embedded one
     * @param commitDelay microseconds that a commit of the embedded server waits, to simulate a slower disk or a synchronous standby
     */
    static Server start(@Nullable String jdbcUrl, String commitDelay) throws IOException {
        if (jdbcUrl != null) {
            return new Server(null, jdbcUrl);
        }
        EmbeddedPostgres embedded = settings(EmbeddedPostgres.builder())
                .setServerConfig("commit_delay", commitDelay)
                .start();
        return new Server(embedded, embedded.getJdbcUrl("postgres", "postgres"));
    }

    /** Starts a server that counts statements, which slows it down. */
    static Server counting(String urlParameter) throws IOException {
        EmbeddedPostgres embedded = settings(EmbeddedPostgres.builder())
                .setServerConfig("shared_preload_libraries", "pg_stat_statements")
                .setServerConfig("checkpoint_timeout", "1h")
                .start();
        String url = embedded.getJdbcUrl("postgres", "postgres");
        return new Server(embedded, url + (url.contains("?") ? "&" : "?") + urlParameter);
    }

    private static EmbeddedPostgres.Builder settings(EmbeddedPostgres.Builder builder) {
        return builder.setServerConfig("fsync", "on")
                .setServerConfig("synchronous_commit", "on")
                .setServerConfig("commit_siblings", "0")
                .setServerConfig("max_connections", "300")
                .setServerConfig("shared_buffers", "512MB")
                .setServerConfig("max_wal_size", "8GB");
    }

    Database database() {
        return database;
    }

    @Override
    public void close() throws IOException {
        database.close();
        if (embedded != null) {
            embedded.close();
        }
    }
}
