package io.synckit.test;

import io.zonky.test.db.postgres.embedded.EmbeddedPostgres;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;

/** The embedded PostgreSQL that all tests of a JVM share. It ends with the JVM. */
final class EmbeddedServer {

    private static final AtomicInteger DATABASES = new AtomicInteger();

    private EmbeddedServer() {}

    private static final class Started {

        static final EmbeddedPostgres SERVER = start();

        private static EmbeddedPostgres start() {
            try {
                return EmbeddedPostgres.builder()
                        // Spring keeps 32 contexts, each with a pool of ten connections and a listener.
                        .setServerConfig("max_connections", "500")
                        .setPGStartupWait(Duration.ofMinutes(2))
                        .start();
            } catch (IOException e) {
                throw new UncheckedIOException("the embedded PostgreSQL has not started", e);
            }
        }
    }

    /** Creates an empty database. Returns its URL, which contains the user. */
    static String newDatabase() {
        String name = "test_" + DATABASES.incrementAndGet();
        try (Connection connection = DriverManager.getConnection(Started.SERVER.getJdbcUrl("postgres", "postgres"));
                Statement statement = connection.createStatement()) {
            statement.execute("create database " + name + " encoding 'UTF8' template template0");
        } catch (SQLException e) {
            throw new IllegalStateException("the embedded PostgreSQL has not created a database", e);
        }
        return Started.SERVER.getJdbcUrl("postgres", name);
    }
}
