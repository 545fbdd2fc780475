package io.synckit.postgres.internal.sql;

import io.synckit.InvalidConfigException;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.postgresql.Driver;
import org.postgresql.PGProperty;
import org.postgresql.ds.PGSimpleDataSource;

/** Connections without a pool, set up so that a dead peer is noticed. */
public final class PhysicalConnections {

    private static final int LOGIN_SECONDS = 10;

    private PhysicalConnections() {}

    /** Returns whether the driver knows a parameter of this name. */
    public static boolean isParameter(String name) {
        return PGProperty.forName(name) != null;
    }

    /** Returns whether the driver accepts the URL. The driver's own error shows the URL, which may contain a password. */
    public static boolean isUrl(String url) {
        try {
            return Driver.parseURL(url, null) != null;
        } catch (RuntimeException e) {
            return false; // such as a list of hosts with an empty one
        }
    }

    /**
     * @param url pgjdbc's; what it says itself wins
     * @throws InvalidConfigException if the driver does not understand it
     */
    public static DataSource of(String url, @Nullable String username, @Nullable String password) {
        if (!isUrl(url)) {
            throw new InvalidConfigException(
                    "listenerConnectionString",
                    "is not a URL that PostgreSQL's driver understands: jdbc:postgresql://host:port/database");
        }
        PGSimpleDataSource dataSource = new PGSimpleDataSource();
        dataSource.setTcpKeepAlive(true);
        dataSource.setLoginTimeout(LOGIN_SECONDS);
        dataSource.setApplicationName("synckit listener");
        dataSource.setUser(username);
        dataSource.setPassword(password);
        dataSource.setUrl(url);
        return dataSource;
    }
}
