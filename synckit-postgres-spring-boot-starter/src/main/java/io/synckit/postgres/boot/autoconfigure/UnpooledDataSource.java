package io.synckit.postgres.boot.autoconfigure;

import io.synckit.InvalidConfigException;
import java.util.Objects;
import java.util.Properties;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.postgresql.Driver;
import org.springframework.boot.jdbc.DataSourceBuilder;
import org.springframework.boot.jdbc.UnsupportedDataSourcePropertyException;
import org.springframework.jdbc.datasource.SimpleDriverDataSource;

/**
 * Connections to the event store's database that are in no pool, for what needs several at once or one for good; optionally by another
 * way, or as another user.
 *
 * @param setting the group of settings, for messages: {@code migration}
 * @param url null for that of the pool
 * @param username null for that of the pool, or of the URL
 * @param password of the user
 */
record UnpooledDataSource(
        String setting,
        @Nullable String url,
        @Nullable String username,
        @Nullable String password) {

    /**
     * @return null if the pool does not tell its URL, and no other is set
     * @throws InvalidConfigException if a part is set that makes no sense without another
     */
    @Nullable SimpleDriverDataSource derivedFrom(DataSource pool) {
        if (username == null && password != null) {
            throw new InvalidConfigException(setting + ".password", "needs " + setting + ".username");
        }
        // The driver's own message shows the URL, which may hold a password.
        if (url != null && Driver.parseURL(url, null) == null) {
            throw new InvalidConfigException(
                    setting + ".url",
                    "is not one that PostgreSQL's driver understands: jdbc:postgresql://host:port/database");
        }
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
                        setting + ".username", "needs " + setting + ".url, since the DataSource does not tell its own");
            }
            if (url == null) {
                return null;
            }
            SimpleDriverDataSource unpooled = new SimpleDriverDataSource();
            unpooled.setDriver(new Driver());
            return unpooled;
        }
    }

    /** In the driver, user and password of the URL win over those that are given beside it. */
    private static String withoutCredentials(String url) {
        return url.replaceAll("([?&])(user|password)=[^&]*", "$1").replaceAll("&{2,}", "&");
    }

    /** For a connection that lives long: a dead peer is noticed, and the server's administrator sees what it is. */
    static SimpleDriverDataSource forListening(SimpleDriverDataSource unpooled) {
        Properties properties = new Properties();
        properties.setProperty("tcpKeepAlive", "true");
        properties.setProperty("loginTimeout", "10");
        properties.setProperty("ApplicationName", "synckit listener");
        unpooled.setConnectionProperties(properties);
        return unpooled;
    }
}
