package io.synckit;

import java.sql.Connection;
import java.sql.SQLException;
import javax.sql.DataSource;

/**
 * Where the store gets its connections, and whether one of them is in a transaction of the caller's. This is how a framework's
 * transactions are joined.
 */
@FunctionalInterface
public interface ConnectionSource {

    Borrowed borrow() throws SQLException;

    /** A connection for the time of one call. */
    interface Borrowed extends AutoCloseable {

        Connection connection();

        /**
         * Whether the caller's transaction is open on this connection. Then the store neither commits nor rolls back, and the
         * caller does. Otherwise the connection is the store's own until it is closed.
         */
        boolean inCallersTransaction();

        /** Gives the connection back. */
        @Override
        void close() throws SQLException;
    }

    /** Connections of a data source that are the store's own: every call is a transaction of its own. */
    static ConnectionSource of(DataSource dataSource) {
        return () -> {
            Connection connection = dataSource.getConnection();
            return new Borrowed() {
                @Override
                public Connection connection() {
                    return connection;
                }

                @Override
                public boolean inCallersTransaction() {
                    return false;
                }

                @Override
                public void close() throws SQLException {
                    connection.close();
                }
            };
        };
    }
}
