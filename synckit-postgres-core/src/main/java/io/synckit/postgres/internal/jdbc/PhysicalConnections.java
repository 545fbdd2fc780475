package io.synckit.postgres.internal.jdbc;

import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.postgresql.ds.PGSimpleDataSource;

/** Connections without a pool, set up so that a dead peer is noticed. */
public final class PhysicalConnections {

    private static final int LOGIN_SECONDS = 10;

    private PhysicalConnections() {}

    /** @param url pgjdbc's; what it says itself wins */
    public static DataSource of(String url, @Nullable String username, @Nullable String password) {
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
