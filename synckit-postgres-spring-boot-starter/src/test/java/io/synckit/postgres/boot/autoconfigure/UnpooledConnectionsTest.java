package io.synckit.postgres.boot.autoconfigure;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import io.synckit.postgres.testing.Await;
import io.synckit.postgres.testing.TestDatabase;
import io.synckit.postgres.testing.TestPostgres;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicInteger;
import javax.net.SocketFactory;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.postgresql.ds.PGSimpleDataSource;

/** Connections outside the pool are configured like those of the pool. */
class UnpooledConnectionsTest {

    private TestDatabase database;
    private final HikariConfig config = new HikariConfig();

    @BeforeEach
    void open() {
        database = TestPostgres.shared().emptyDatabase();
        config.setJdbcUrl(database.url());
        config.setMinimumIdle(0);
        config.setInitializationFailTimeout(-1);
        CountingFactory.used.set(0);
    }

    @AfterEach
    void close() {
        database.close();
    }

    private static String query(DataSource dataSource, String sql) throws SQLException {
        try (Connection connection = dataSource.getConnection();
                Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery(sql)) {
            rows.next();
            return rows.getString(1);
        }
    }

    private static DataSource like(DataSource pool, Map<String, String> defaults) {
        return Objects.requireNonNull(new UnpooledConnections("listener", null, null, null).like(pool, defaults));
    }

    @Test
    void driverPropertiesSchemaAndInitSqlAreThoseOfThePool() throws SQLException {
        database.execute("create schema of_the_pool");
        config.addDataSourceProperty("socketFactory", CountingFactory.class.getName());
        config.setConnectionInitSql("set application_name = 'made by init sql'");
        config.setSchema("of_the_pool");
        try (HikariDataSource pool = new HikariDataSource(config)) {
            DataSource unpooled = like(pool, UnpooledConnections.FOR_LISTENING);

            assertThat(query(unpooled, "select current_setting('application_name') || current_schema()"))
                    .isEqualTo("made by init sqlof_the_pool");
            assertThat(CountingFactory.used).hasPositiveValue();
        }
    }

    @Test
    void userOfTheDriverPropertiesIsUsed() throws SQLException {
        withRole(role -> {
            config.setJdbcUrl(database.url().replaceFirst("[?].*", ""));
            config.addDataSourceProperty("user", role);
            config.addDataSourceProperty("password", "first");
            try (HikariDataSource pool = new HikariDataSource(config)) {
                assertThat(query(pool, "select current_user")).isEqualTo(role);
                assertThat(query(like(pool, Map.of()), "select current_user")).isEqualTo(role);
            }
        });
    }

    /** The pool gets new credentials. The next connection of the listener uses them. */
    @Test
    void credentialsAreThoseOfTheMoment() throws SQLException {
        withRole(first -> withRole(second -> {
            config.setJdbcUrl(database.url().replaceFirst("[?].*", ""));
            config.setUsername(first);
            config.setPassword("first");
            try (HikariDataSource pool = new HikariDataSource(config)) {
                DataSource unpooled = like(pool, Map.of());
                assertThat(query(unpooled, "select current_user")).isEqualTo(first);

                pool.getHikariConfigMXBean().setUsername(second);

                assertThat(query(unpooled, "select current_user")).isEqualTo(second);
            }
        }));
    }

    @Test
    void dataSourceInsideThePoolIsUsed() throws SQLException {
        PGSimpleDataSource inner = new PGSimpleDataSource();
        inner.setUrl(database.url());
        inner.setApplicationName("inner");
        HikariConfig own = new HikariConfig();
        own.setDataSource(inner);
        try (HikariDataSource pool = new HikariDataSource(own)) {
            assertThat(query(like(pool, Map.of()), "select current_setting('application_name')"))
                    .isEqualTo("inner");
        }
    }

    @Test
    void userOfThePoolIsUsedForTheDataSourceInside() throws SQLException {
        withRole(role -> {
            PGSimpleDataSource inner = new PGSimpleDataSource();
            inner.setUrl(database.url());
            HikariConfig own = new HikariConfig();
            own.setDataSource(inner);
            own.setUsername(role);
            own.setPassword("x");
            try (HikariDataSource pool = new HikariDataSource(own)) {
                assertThat(query(pool, "select current_user")).isEqualTo(role);
                assertThat(query(like(pool, Map.of()), "select current_user")).isEqualTo(role);
            }
        });
    }

    @Test
    void anotherUserReplacesThatOfThePool() throws SQLException {
        withRole(role -> {
            try (HikariDataSource pool = new HikariDataSource(config)) {
                DataSource unpooled = Objects.requireNonNull(
                        new UnpooledConnections("migration", null, role, "x").like(pool, Map.of()));
                assertThat(query(unpooled, "select current_user")).isEqualTo(role);
            }
        });
    }

    @Test
    void initSqlThatFailsClosesTheConnection() throws SQLException {
        config.setConnectionInitSql("select 1 / 0");
        try (HikariDataSource pool = new HikariDataSource(config)) {
            DataSource unpooled = like(pool, Map.of("ApplicationName", "left open"));
            assertThatThrownBy(unpooled::getConnection).isInstanceOf(SQLException.class);
            Await.until(database, "select count(*) from pg_stat_activity where application_name = 'left open'", "0");
        }
    }

    private interface WithRole {
        void run(String role) throws SQLException;
    }

    private void withRole(WithRole test) throws SQLException {
        String role = "u" + Math.abs(test.hashCode()) + "_" + database.name();
        database.execute("create role " + role + " login");
        try {
            test.run(role);
        } finally {
            database.execute("drop role " + role);
        }
    }

    /** Counts the connections that it makes. */
    public static final class CountingFactory extends SocketFactory {

        private static final AtomicInteger used = new AtomicInteger();

        @Override
        public Socket createSocket() {
            used.incrementAndGet();
            return new Socket();
        }

        @Override
        public Socket createSocket(String host, int port) throws IOException {
            return new Socket(host, port);
        }

        @Override
        public Socket createSocket(String host, int port, InetAddress local, int localPort) throws IOException {
            return new Socket(host, port, local, localPort);
        }

        @Override
        public Socket createSocket(InetAddress host, int port) throws IOException {
            return new Socket(host, port);
        }

        @Override
        public Socket createSocket(InetAddress host, int port, InetAddress local, int localPort) throws IOException {
            return new Socket(host, port, local, localPort);
        }
    }
}
