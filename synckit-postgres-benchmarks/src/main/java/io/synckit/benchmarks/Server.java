package io.synckit.benchmarks;

import io.synckit.postgres.schema.NotifyMode;
import io.synckit.postgres.schema.SchemaMigrator;
import io.zonky.test.db.postgres.embedded.EmbeddedPostgres;
import java.io.IOException;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import org.jspecify.annotations.Nullable;
import org.postgresql.ds.PGSimpleDataSource;

/** The PostgreSQL of one run: one of its own, durable as a real one, or one that is given. */
final class Server implements AutoCloseable {

    private final @Nullable EmbeddedPostgres embedded;
    private final String url;

    private Server(@Nullable EmbeddedPostgres embedded, String url) {
        this.embedded = embedded;
        this.url = url;
    }

    /**
     * @param jdbcUrl of a server that is there; null for one of its own
     * @param commitDelay microseconds that a commit of its own server waits, to imitate a slower disk or a synchronous standby
     */
    static Server start(@Nullable String jdbcUrl, String commitDelay) throws IOException {
        if (jdbcUrl != null) {
            return new Server(null, jdbcUrl);
        }
        EmbeddedPostgres embedded = EmbeddedPostgres.builder()
                .setServerConfig("fsync", "on")
                .setServerConfig("synchronous_commit", "on")
                .setServerConfig("commit_delay", commitDelay)
                .setServerConfig("commit_siblings", "0")
                .setServerConfig("max_connections", "300")
                .setServerConfig("shared_buffers", "512MB")
                .setServerConfig("max_wal_size", "8GB")
                .start();
        return new Server(embedded, embedded.getJdbcUrl("postgres", "postgres"));
    }

    String url() {
        return url;
    }

    PGSimpleDataSource physical() {
        PGSimpleDataSource dataSource = new PGSimpleDataSource();
        dataSource.setUrl(url);
        return dataSource;
    }

    Connection connect() throws SQLException {
        return DriverManager.getConnection(url);
    }

    void execute(String sql) throws SQLException {
        try (Connection connection = connect();
                Statement statement = connection.createStatement()) {
            statement.execute(sql);
        }
    }

    String query(String sql) throws SQLException {
        try (Connection connection = connect();
                Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery(sql)) {
            rows.next();
            return rows.getString(1);
        }
    }

    /** A new events table in a schema of its own. */
    void migrate(String schema, NotifyMode mode) throws SQLException {
        execute("drop schema if exists " + schema + " cascade");
        new SchemaMigrator(physical(), schema, "events", new SchemaMigrator.Options(false, false, mode)).migrate();
    }

    @Override
    public void close() throws IOException {
        if (embedded != null) {
            embedded.close();
        }
    }
}
