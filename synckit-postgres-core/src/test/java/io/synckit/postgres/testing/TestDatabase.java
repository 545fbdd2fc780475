package io.synckit.postgres.testing;

import com.zaxxer.hikari.HikariDataSource;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.postgresql.ds.PGSimpleDataSource;

/** A database of one test. As an extension in a field of the test class, it is dropped after the test. */
public final class TestDatabase implements AfterEachCallback, AutoCloseable {

    private final TestPostgres server;
    private final String name;
    private final List<Runnable> beforeDrop = new ArrayList<>();
    private @Nullable HikariDataSource pool;

    TestDatabase(TestPostgres server, String name) {
        this.server = server;
        this.name = name;
    }

    @Override
    public void afterEach(ExtensionContext context) {
        close();
    }

    /** Runs an action before the database is dropped. JUnit does not close the fields of a test in the order of their declarations. */
    void beforeDrop(Runnable action) {
        beforeDrop.add(action);
    }

    public String name() {
        return name;
    }

    /** With user and password, if the server has them. */
    public String url() {
        return server.url(name);
    }

    /** The same with one more parameter of the driver's. */
    public String url(String parameter) {
        return url() + (url().contains("?") ? "&" : "?") + parameter;
    }

    /** A pool of up to 40 connections. */
    public synchronized DataSource pool() {
        if (pool == null) {
            pool = TestPostgres.pool(url());
        }
        return pool;
    }

    /** Connections outside the pool. */
    public DataSource physical() {
        PGSimpleDataSource dataSource = new PGSimpleDataSource();
        dataSource.setUrl(url());
        dataSource.setApplicationName("synckit listener");
        return dataSource;
    }

    /** The same through another address of the server. */
    public String urlAt(String hosts) {
        return url().replaceFirst("//[^/]+/", "//" + hosts + "/");
    }

    /** Host and port of the server. */
    public String host() {
        return url().replaceFirst(".*//([^:/]+).*", "$1");
    }

    public int port() {
        return Integer.parseInt(url().replaceFirst(".*//[^:/]+:(\\d+)/.*", "$1"));
    }

    /** A connection outside the pool. */
    public Connection connect() throws SQLException {
        return DriverManager.getConnection(url());
    }

    /** Runs SQL on a connection of its own. */
    public void execute(String... statements) {
        try (Connection connection = connect();
                Statement statement = connection.createStatement()) {
            for (String sql : statements) {
                statement.execute(sql);
            }
        } catch (SQLException e) {
            throw new IllegalStateException(String.join("; ", statements), e);
        }
    }

    /** Executes a transaction again after a deadlock, which TRUNCATE with RESTART IDENTITY can have with a reader. */
    public void executeDespiteDeadlocks(String transaction) {
        while (true) {
            try {
                execute(transaction);
                return;
            } catch (IllegalStateException e) {
                if (!(e.getCause() instanceof SQLException failure) || !"40P01".equals(failure.getSQLState())) {
                    throw e;
                }
            }
        }
    }

    /** The first column of the first row, as text. */
    public @Nullable String query(String sql) {
        try (Connection connection = connect()) {
            return query(connection, sql);
        } catch (SQLException e) {
            throw new IllegalStateException(sql, e);
        }
    }

    static @Nullable String query(Connection connection, String sql) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery(sql)) {
            return rows.next() ? rows.getString(1) : null;
        }
    }

    @Override
    public void close() {
        beforeDrop.forEach(Runnable::run);
        synchronized (this) {
            if (pool != null) {
                pool.close();
            }
        }
        server.drop(name);
    }
}
