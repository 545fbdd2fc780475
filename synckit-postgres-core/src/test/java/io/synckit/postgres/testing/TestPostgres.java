package io.synckit.postgres.testing;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import io.synckit.postgres.schema.SchemaMigrator;
import io.zonky.test.db.postgres.embedded.EmbeddedPostgres;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;
import org.postgresql.ds.PGSimpleDataSource;
import org.testcontainers.postgresql.PostgreSQLContainer;

/**
 * The real PostgreSQL that the tests of this JVM share.
 *
 * <ul>
 *   <li>{@code SYNCKIT_TEST_JDBC_URL} in the environment: that server, with a user who may create databases;
 *   <li>{@code SYNCKIT_TEST_POSTGRES=testcontainers}: a container, of major version {@code POSTGRES_MAJOR} (18);
 *   <li>otherwise an embedded server, of the version that {@code -Dpostgres.major=14} … {@code 18} put on the class path.
 * </ul>
 */
public final class TestPostgres {

    private static final String TEMPLATE = "synckit_template";
    /**
     * A file system in memory, which many Linux systems have. An ext4 without a journal creates a file very slowly while
     * thousands were deleted in the last seconds, and each database of a test has 300 files.
     */
    private static final Path MEMORY = Path.of("/dev/shm");

    private static final TestPostgres SHARED = start();

    private final String url;
    private final String copying;
    private final AtomicInteger databases = new AtomicInteger();

    private TestPostgres(String url) {
        this.url = url;
        // Without fsync, this is several times as fast as the default, which writes each page to the WAL. PostgreSQL 14
        // always copies files.
        this.copying = majorVersion(url) < 15 ? "" : " strategy file_copy";
    }

    private static int majorVersion(String url) {
        try (Connection connection = DriverManager.getConnection(url)) {
            return connection.getMetaData().getDatabaseMajorVersion();
        } catch (SQLException e) {
            throw new IllegalStateException("the version of the test server cannot be read", e);
        }
    }

    public static TestPostgres shared() {
        return SHARED;
    }

    private static TestPostgres start() {
        TestPostgres server = new TestPostgres(startedUrl());
        server.execute("drop database if exists " + TEMPLATE);
        server.execute("create database " + TEMPLATE + " encoding 'UTF8' template template0");
        PGSimpleDataSource template = new PGSimpleDataSource();
        template.setUrl(server.url(TEMPLATE));
        new SchemaMigrator(template, "synckit", "events", SchemaMigrator.Options.DEFAULTS).migrate();
        return server;
    }

    private static String startedUrl() {
        String given = System.getenv("SYNCKIT_TEST_JDBC_URL");
        if (given != null && !given.isBlank()) {
            return given;
        }
        return "testcontainers".equals(System.getenv("SYNCKIT_TEST_POSTGRES")) ? containerUrl() : embeddedUrl();
    }

    @SuppressWarnings("resource") // lives as long as the JVM
    private static String containerUrl() {
        String major = System.getenv().getOrDefault("POSTGRES_MAJOR", "18");
        PostgreSQLContainer container = new PostgreSQLContainer("postgres:" + major);
        container.withCommand(
                "postgres", "-c", "fsync=off", "-c", "max_connections=200", "-c", "max_prepared_transactions=10");
        container.start();
        return container.getJdbcUrl() + "&user=" + container.getUsername() + "&password=" + container.getPassword();
    }

    @SuppressWarnings("resource") // lives as long as the JVM
    private static String embeddedUrl() {
        try {
            EmbeddedPostgres.Builder builder = EmbeddedPostgres.builder();
            if (hasSpace(MEMORY)) {
                builder.setDataDirectory(Files.createTempDirectory(MEMORY, "synckit-test-"));
            }
            EmbeddedPostgres server = builder.setServerConfig("max_connections", "200")
                    .setServerConfig("max_prepared_transactions", "10")
                    .setServerConfig("synchronous_commit", "on")
                    // Neither UTC nor that of the JVM: nothing may depend on it.
                    .setServerConfig("timezone", "Asia/Kathmandu")
                    .setPGStartupWait(Duration.ofMinutes(2))
                    .start();
            return server.getJdbcUrl("postgres", "postgres") + "&password=" + SecretsAppender.PASSWORD;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static boolean hasSpace(Path directory) throws IOException {
        return Files.isWritable(directory) && Files.getFileStore(directory).getUsableSpace() > 4L << 30;
    }

    /** A new, empty database in UTF8. */
    public TestDatabase emptyDatabase() {
        return database("encoding 'UTF8' template template0");
    }

    /** A new database with the table {@code synckit.events}. */
    public TestDatabase migratedDatabase() {
        return database("template " + TEMPLATE);
    }

    /** A new database with these words of CREATE DATABASE. */
    public TestDatabase database(String options) {
        String name = "synckit_test_" + ProcessHandle.current().pid() + "_" + databases.incrementAndGet();
        execute("create database " + name + " " + options + copying);
        return new TestDatabase(this, name);
    }

    void drop(String database) {
        try {
            execute("drop database if exists " + database + " with (force)");
        } catch (IllegalStateException e) {
            // A backend that took its time to end.
            execute("drop database if exists " + database + " with (force)");
        }
    }

    /** The driver takes HikariCP's short connection timeouts for those of all connections of the JVM, unless the URL has its own. */
    String url(String database) {
        int path = url.indexOf('/', url.indexOf("//") + 2);
        int query = url.indexOf('?');
        return url.substring(0, path + 1) + database + (query < 0 ? "?" : url.substring(query) + "&")
                + "loginTimeout=60";
    }

    private void execute(String sql) {
        try (Connection connection = DriverManager.getConnection(url);
                Statement statement = connection.createStatement()) {
            statement.execute(sql);
        } catch (SQLException e) {
            throw new IllegalStateException(sql, e);
        }
    }

    static HikariDataSource pool(String url) {
        HikariConfig config = new HikariConfig();
        config.setJdbcUrl(url);
        config.setMaximumPoolSize(40);
        config.setMinimumIdle(0);
        config.setPoolName("test");
        return new HikariDataSource(config);
    }
}
