package io.synckit.postgres.internal.sql;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;

/**
 * The time at which a server was started, in microseconds. It identifies the server: a standby that was promoted has another one than the
 * former primary. It may lack the last commits.
 */
public final class ServerStart {

    /** The expression for {@code <server start>} in statements. */
    static final String SQL = "(extract(epoch from pg_postmaster_start_time()) * 1000000)::bigint";

    private ServerStart() {}

    /** Returns the start of the connected server. */
    public static long of(Connection connection) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement("select " + SQL);
                ResultSet rows = statement.executeQuery()) {
            rows.next();
            return rows.getLong(1);
        }
    }
}
