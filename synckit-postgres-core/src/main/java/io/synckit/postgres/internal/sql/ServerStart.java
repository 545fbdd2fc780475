package io.synckit.postgres.internal.sql;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;

/**
 * The time at which the server was started, in microseconds. It distinguishes a server from one that has replaced it: a standby that was
 * promoted may lack the last commits, so what was read from the former primary does not hold there.
 */
public final class ServerStart {

    /** Stands for the time in statements that are {@link Statements#named}. */
    static final String SQL = "(extract(epoch from pg_postmaster_start_time()) * 1000000)::bigint";

    private ServerStart() {}

    /** Returns the time of the server at the other end. */
    public static long of(Connection connection) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement("select " + SQL);
                ResultSet rows = statement.executeQuery()) {
            rows.next();
            return rows.getLong(1);
        }
    }
}
