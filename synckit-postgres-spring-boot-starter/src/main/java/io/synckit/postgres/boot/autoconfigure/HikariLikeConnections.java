package io.synckit.postgres.boot.autoconfigure;

import com.zaxxer.hikari.HikariDataSource;
import com.zaxxer.hikari.util.Credentials;
import com.zaxxer.hikari.util.PropertyElf;
import io.synckit.InvalidConfigException;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Map;
import java.util.Properties;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.springframework.jdbc.datasource.AbstractDataSource;
import org.springframework.util.ClassUtils;

/**
 * Opens connections as a HikariCP pool does, outside of it: with its URL or data source, its driver properties, the credentials that it
 * has at this moment, its schema and its initial SQL.
 */
final class HikariLikeConnections extends AbstractDataSource {

    private final HikariDataSource pool;
    private final UnpooledConnections settings;
    private final Map<String, String> defaults;

    HikariLikeConnections(HikariDataSource pool, UnpooledConnections settings, Map<String, String> defaults) {
        this.pool = pool;
        this.settings = settings;
        this.defaults = defaults;
    }

    /** Returns whether the pool has a URL or a data source. */
    boolean isPossible() {
        return settings.url() != null
                || pool.getJdbcUrl() != null
                || pool.getDataSource() != null
                || pool.getDataSourceClassName() != null;
    }

    @Override
    public Connection getConnection() throws SQLException {
        Connection connection = connect();
        try {
            if (pool.getSchema() != null) {
                connection.setSchema(pool.getSchema());
            }
            if (pool.getConnectionInitSql() != null) {
                try (Statement statement = connection.createStatement()) {
                    statement.execute(pool.getConnectionInitSql());
                }
            }
            return connection;
        } catch (SQLException | RuntimeException e) {
            connection.close();
            throw e;
        }
    }

    private Connection connect() throws SQLException {
        Credentials credentials = credentials();
        String url = settings.url() == null ? pool.getJdbcUrl() : settings.url();
        if (settings.url() == null && pool.getDataSource() != null) {
            return from(pool.getDataSource(), credentials);
        }
        if (settings.url() == null && pool.getDataSourceClassName() != null) {
            return from(instantiated(pool.getDataSourceClassName()), credentials);
        }
        boolean otherUser = settings.username() != null;
        return DriverManager.getConnection(
                otherUser ? UnpooledConnections.withoutCredentials(url) : url, properties(credentials, otherUser));
    }

    private Credentials credentials() {
        if (settings.username() != null) {
            return Credentials.of(settings.username(), settings.password());
        }
        return pool.getCredentialsProvider() == null
                ? pool.getCredentials()
                : pool.getCredentialsProvider().getCredentials();
    }

    private Properties properties(Credentials credentials, boolean otherUser) {
        Properties properties = new Properties();
        properties.putAll(defaults);
        pool.getDataSourceProperties()
                .forEach((name, value) -> properties.setProperty(name.toString(), value.toString()));
        if (otherUser) {
            properties.remove("user");
            properties.remove("password");
        }
        if (credentials.getUsername() != null) {
            properties.setProperty("user", credentials.getUsername());
        }
        if (credentials.getPassword() != null) {
            properties.setProperty("password", credentials.getPassword());
        }
        return properties;
    }

    private DataSource instantiated(String className) {
        try {
            DataSource dataSource =
                    (DataSource) ClassUtils.forName(className, pool.getClass().getClassLoader())
                            .getDeclaredConstructor()
                            .newInstance();
            PropertyElf.setTargetFromProperties(dataSource, pool.getDataSourceProperties());
            return dataSource;
        } catch (ReflectiveOperationException | LinkageError e) {
            throw new InvalidConfigException(
                    settings.setting() + ".url",
                    "is needed, since the DataSource class " + className + " of the pool cannot be created: " + e);
        }
    }

    private static Connection from(DataSource dataSource, @Nullable Credentials credentials) throws SQLException {
        return credentials == null || credentials.getUsername() == null
                ? dataSource.getConnection()
                : dataSource.getConnection(credentials.getUsername(), credentials.getPassword());
    }

    @Override
    public Connection getConnection(String username, String password) throws SQLException {
        return getConnection();
    }
}
