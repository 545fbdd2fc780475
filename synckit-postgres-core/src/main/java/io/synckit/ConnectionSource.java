package io.synckit;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.concurrent.Callable;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/** Provides connections to the store, and joins the transactions of a framework. Thread-safe. */
@FunctionalInterface
public interface ConnectionSource {

    /** Returns a connection for one call, in the transaction of the caller if there is one. */
    Borrowed borrow() throws SQLException;

    /**
     * Returns a connection for one call that joins no transaction of the calling thread, for waiting and for operators. The default is {@link
     * #borrow}, with which such calls fail in a transaction.
     */
    default Borrowed borrowAlone() throws SQLException {
        return borrow();
    }

    /** Returns whether the calling thread has a transaction that a borrowed connection would join. The default is false. */
    default boolean inCallersTransaction() {
        return false;
    }

    /**
     * Runs work in a transaction, which connections that the thread borrows meanwhile join. Commits if the work returns, and rolls back if it
     * throws. Handlers of durable subscriptions with exactly-once delivery run in it. The default throws.
     *
     * @throws InvalidConfigException if this source has no transactions
     */
    default <R extends @Nullable Object> R inTransaction(Callable<R> work) throws Exception {
        throw new InvalidConfigException(
                "connections",
                "is a ConnectionSource without transactions, which exactly-once delivery needs; implement inTransaction, or use"
                        + " at-least-once delivery");
    }

    /** Returns whether {@link #inTransaction} is implemented. The default is false. */
    default boolean hasTransactions() {
        return false;
    }

    /**
     * Runs an action after the commit of the open transaction, or at once if there is none. The listener uses it to send a notification
     * if the one of the database has failed. The default does nothing; then other processes find such an event at their next poll.
     */
    default void afterCommit(Runnable action) {}

    /**
     * Returns whether all threads get the same kind of connection outside of transactions. Only then may {@link EventStore#storeAsync}
     * and {@link EventStore#appendAsync} use a connection on a thread of the store. The default is false, for sources where the calling thread selects a tenant, a role or a
     * session setting.
     */
    default boolean sameForAllThreads() {
        return false;
    }

    /**
     * Returns a source whose calls are transactions of their own, except those within {@link #inTransaction}. {@link #sameForAllThreads} is true for the
     * DataSource of HikariCP and of the driver, but not for their subclasses and for proxies.
     */
    static ConnectionSource of(DataSource dataSource) {
        return new JdbcConnections(dataSource);
    }

    /**
     * A connection for one call.
     *
     * @param connection to be used by the thread that borrowed it
     * @param inCallersTransaction whether the transaction of the caller is open on this connection. Then the store neither commits nor rolls
     *     back
     * @param giveBack returns the connection
     */
    record Borrowed(Connection connection, boolean inCallersTransaction, GiveBack giveBack) implements AutoCloseable {

        /** Returns the connection. */
        @Override
        public void close() throws SQLException {
            giveBack.giveBack();
        }
    }

    /** Returns a connection to its source. */
    @FunctionalInterface
    interface GiveBack {
        void giveBack() throws SQLException;
    }
}
