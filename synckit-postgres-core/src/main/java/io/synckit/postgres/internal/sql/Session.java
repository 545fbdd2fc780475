package io.synckit.postgres.internal.sql;

import io.synckit.ConnectionSource;
import io.synckit.UnusableTransactionException;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Savepoint;
import java.sql.Statement;
import org.jspecify.annotations.Nullable;

/**
 * A borrowed connection. Outside a transaction of the caller it is in auto-commit mode, whatever the setting of the pool is: each statement
 * is one round trip and a transaction of its own. Not thread-safe.
 */
public final class Session implements AutoCloseable {

    private final ConnectionSource.Borrowed borrowed;
    private final Connection connection;
    private final boolean joined;
    private final boolean autoCommitOfPool;

    private Session(ConnectionSource.Borrowed borrowed) throws SQLException {
        this.borrowed = borrowed;
        this.connection = borrowed.connection();
        this.autoCommitOfPool = connection.getAutoCommit();
        this.joined = borrowed.inCallersTransaction() && !autoCommitOfPool;
        if (!joined && !autoCommitOfPool) {
            connection.setAutoCommit(true);
        }
    }

    public static Session open(ConnectionSource source) throws SQLException {
        return open(source.borrow());
    }

    private static Session open(ConnectionSource.Borrowed borrowed) throws SQLException {
        try {
            return new Session(borrowed);
        } catch (SQLException | RuntimeException e) {
            closeAfter(e, borrowed);
            throw e;
        }
    }

    /**
     * Opens a session for work that belongs to no caller.
     *
     * @throws UnusableTransactionException if the connection is in a transaction of a caller
     */
    public static Session openAlone(ConnectionSource source) throws SQLException {
        Session session = open(source.borrowAlone());
        if (session.joined) {
            try (session) {
                throw new UnusableTransactionException(
                        "the ConnectionSource returned a connection in a transaction of a caller for work that belongs to no"
                                + " caller; nothing is stored; implement borrowAlone(), or make the call outside of a transaction");
            }
        }
        return session;
    }

    public Connection connection() {
        return connection;
    }

    /** Returns whether the transaction of the caller is open on this connection. */
    public boolean joined() {
        return joined;
    }

    /**
     * Runs several statements, of which all take effect or none, in a transaction or in a savepoint of the transaction that it has
     * joined. A null result rolls them back.
     */
    public <R extends @Nullable Object> R atomically(SqlFunction<Connection, R> work) throws SQLException {
        return joined ? inSavepoint(work) : inTransaction(work);
    }

    private <R extends @Nullable Object> R inTransaction(SqlFunction<Connection, R> work) throws SQLException {
        begin();
        try {
            R result = work.apply(connection);
            if (result == null) {
                connection.rollback();
            } else {
                connection.commit();
            }
            connection.setAutoCommit(true);
            return result;
        } catch (SQLException | RuntimeException e) {
            abandon(e);
            throw e;
        }
    }

    private <R extends @Nullable Object> R inSavepoint(SqlFunction<Connection, R> work) throws SQLException {
        Savepoint savepoint = connection.setSavepoint();
        try {
            R result = work.apply(connection);
            if (result == null) {
                connection.rollback(savepoint);
            }
            connection.releaseSavepoint(savepoint);
            return result;
        } catch (SQLException | RuntimeException e) {
            rollback(savepoint, e);
            throw e;
        }
    }

    private void rollback(Savepoint savepoint, Exception failure) {
        try {
            connection.rollback(savepoint);
        } catch (SQLException e) {
            failure.addSuppressed(e);
        }
    }

    /** Starts a transaction that ends with this session, for cursors. Does nothing in a transaction of the caller. */
    public void begin() throws SQLException {
        if (!joined) {
            connection.setAutoCommit(false);
        }
    }

    /**
     * Sets the isolation level READ COMMITTED, whatever the default of the database is. To be called first in a transaction. Does nothing in
     * a transaction of the caller.
     */
    public void readCommitted() throws SQLException {
        if (!joined) {
            try (Statement statement = connection.createStatement()) {
                statement.execute("set transaction isolation level read committed");
            }
        }
    }

    private void abandon(Exception failure) {
        try {
            connection.rollback();
            connection.setAutoCommit(true);
        } catch (SQLException e) {
            failure.addSuppressed(e);
        }
    }

    @Override
    public void close() throws SQLException {
        try (ConnectionSource.Borrowed closing = borrowed) {
            if (!joined && !closing.connection().isClosed()) {
                if (!connection.getAutoCommit()) {
                    connection.rollback();
                }
                connection.setAutoCommit(autoCommitOfPool);
            }
        }
    }

    private static void closeAfter(Exception failure, ConnectionSource.Borrowed borrowed) {
        try {
            borrowed.close();
        } catch (SQLException e) {
            failure.addSuppressed(e);
        }
    }
}
