package io.synckit;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.Set;
import javax.sql.DataSource;

/**
 * Where the store gets its connections, and whether one of them is in a transaction of the caller's. This is how a framework's
 * transactions are joined.
 */
@FunctionalInterface
public interface ConnectionSource {

    Borrowed borrow() throws SQLException;

    /** Whether a transaction of the caller's is open, which a connection that this thread borrows now would be in. */
    default boolean inCallersTransaction() {
        return false;
    }

    /**
     * Runs an action once the caller's transaction has committed, or at once if there is none: how live subscriptions learn that
     * something was stored here, should the database's notification fail. This one does nothing, which costs no more than that.
     */
    default void afterCommit(Runnable action) {}

    /**
     * Returns whether all threads get the same kind of connection outside of transactions. Only then may {@link EventStore#storeAsync}
     * use a connection on a thread of the store. It is false where the calling thread selects a tenant's database, a role or a session
     * setting.
     */
    default boolean sameForAllThreads() {
        return false;
    }

    /**
     * Connections of a data source that are the store's own: every call is a transaction of its own. Of HikariCP's and the driver's own
     * data source it is known that they are {@link #sameForAllThreads}; of their subclasses and of proxies it is not.
     */
    static ConnectionSource of(DataSource dataSource) {
        boolean sameForAllThreads = Set.of("com.zaxxer.hikari.HikariDataSource", "org.postgresql.ds.PGSimpleDataSource")
                .contains(dataSource.getClass().getName());
        return new ConnectionSource() {
            @Override
            public boolean sameForAllThreads() {
                return sameForAllThreads;
            }

            @Override
            public Borrowed borrow() throws SQLException {
                Connection connection = dataSource.getConnection();
                return new Borrowed(connection, false, connection::close);
            }

            @Override
            public void afterCommit(Runnable action) {
                action.run();
            }
        };
    }

    /**
     * A connection for the time of one call.
     *
     * @param connection to be used by the thread that borrowed it
     * @param inCallersTransaction whether the caller's transaction is open on this connection. Then the store neither commits nor
     *     rolls back, and the caller does. Otherwise the connection is the store's own until it is given back
     * @param giveBack what closing does
     */
    record Borrowed(Connection connection, boolean inCallersTransaction, GiveBack giveBack) implements AutoCloseable {

        /** Gives the connection back. */
        @Override
        public void close() throws SQLException {
            giveBack.giveBack();
        }
    }

    /** How a connection is given back. */
    @FunctionalInterface
    interface GiveBack {
        void giveBack() throws SQLException;
    }
}
