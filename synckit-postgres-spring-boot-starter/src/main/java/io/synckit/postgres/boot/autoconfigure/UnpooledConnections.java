package io.synckit.postgres.boot.autoconfigure;

import com.zaxxer.hikari.HikariConfigMXBean;
import com.zaxxer.hikari.HikariDataSource;
import io.synckit.InvalidConfigException;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.Map;
import java.util.Objects;
import java.util.Properties;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.postgresql.Driver;
import org.springframework.boot.jdbc.DataSourceBuilder;
import org.springframework.boot.jdbc.DataSourceUnwrapper;
import org.springframework.boot.jdbc.UnsupportedDataSourcePropertyException;
import org.springframework.jdbc.datasource.AbstractDataSource;
import org.springframework.jdbc.datasource.SimpleDriverDataSource;

/**
 * Connections to the event store's database outside the pool, for work that needs several at once, or one permanently. They are
 * configured like those of the pool; a URL and a user of their own replace the pool's.
 *
 * @param setting the group of settings, for messages: {@code migration}
 * @param url null for that of the pool
 * @param username null for that of the pool, or of the URL
 * @param password of the user
 */
record UnpooledConnections(
        String setting,
        @Nullable String url,
        @Nullable String username,
        @Nullable String password) {

    /** For a permanent connection: a dead peer is noticed, and the connection has a name in {@code pg_stat_activity}. */
    static final Map<String, String> FOR_LISTENING =
            Map.of("tcpKeepAlive", "true", "loginTimeout", "10", "ApplicationName", "synckit listener");

    static final Map<String, String> FOR_MIGRATION = Map.of();

    /**
     * @param defaults properties of the driver, where the pool has no others
     * @return null if the URL of the pool is not known, and no other is set
     * @throws InvalidConfigException if a setting is missing that another one needs
     */
    @Nullable DataSource like(DataSource pool, Map<String, String> defaults) {
        if (username == null && password != null) {
            throw new InvalidConfigException(setting + ".password", "needs " + setting + ".username");
        }
        // The driver's own message shows the URL, which may hold a password.
        if (url != null && Driver.parseURL(url, null) == null) {
            throw new InvalidConfigException(
                    setting + ".url",
                    "is not one that PostgreSQL's driver understands: jdbc:postgresql://host:port/database");
        }
        HikariDataSource hikari = DataSourceUnwrapper.unwrap(pool, HikariConfigMXBean.class, HikariDataSource.class);
        if (hikari != null) {
            HikariLikeConnections like = new HikariLikeConnections(hikari, this, defaults);
            return like.isPossible() ? like : null;
        }
        return derived(pool, defaults) == null ? null : new Derived(this, pool, defaults);
    }

    /** Uses what Spring Boot knows of other pools: their current URL, user and password. */
    private @Nullable SimpleDriverDataSource derived(DataSource pool, Map<String, String> defaults) {
        SimpleDriverDataSource unpooled = derive(pool);
        if (unpooled == null || (unpooled.getUrl() == null && url == null)) {
            return null;
        }
        if (unpooled.getDriver() == null) {
            unpooled.setDriver(new Driver());
        }
        if (url != null) {
            unpooled.setUrl(url);
        }
        if (username != null) {
            unpooled.setUrl(withoutCredentials(Objects.requireNonNull(unpooled.getUrl())));
            unpooled.setUsername(username);
            unpooled.setPassword(password);
        }
        Properties properties = new Properties();
        properties.putAll(defaults);
        unpooled.setConnectionProperties(properties);
        return unpooled;
    }

    private @Nullable SimpleDriverDataSource derive(DataSource pool) {
        try {
            return DataSourceBuilder.derivedFrom(pool)
                    .type(SimpleDriverDataSource.class)
                    .build();
        } catch (IllegalStateException | IllegalArgumentException | UnsupportedDataSourcePropertyException e) {
            if (url == null && username != null) {
                throw new InvalidConfigException(
                        setting + ".username",
                        "needs " + setting + ".url, because the URL of the DataSource is not known");
            }
            return url == null ? null : new SimpleDriverDataSource();
        }
    }

    /** In the driver, user and password of the URL have precedence over those of the call. */
    static String withoutCredentials(String url) {
        return url.replaceAll("([?&])(user|password)=[^&]*", "$1").replaceAll("&{2,}", "&");
    }

    /** Derived again for each connection, because the password of a pool may change while it runs. */
    private static final class Derived extends AbstractDataSource {

        private final UnpooledConnections settings;
        private final DataSource pool;
        private final Map<String, String> defaults;

        Derived(UnpooledConnections settings, DataSource pool, Map<String, String> defaults) {
            this.settings = settings;
            this.pool = pool;
            this.defaults = defaults;
        }

        @Override
        public Connection getConnection() throws SQLException {
            SimpleDriverDataSource unpooled = settings.derived(pool, defaults);
            return Objects.requireNonNull(unpooled).getConnection();
        }

        @Override
        public Connection getConnection(String username, String password) throws SQLException {
            return Objects.requireNonNull(settings.derived(pool, defaults)).getConnection(username, password);
        }
    }
}
