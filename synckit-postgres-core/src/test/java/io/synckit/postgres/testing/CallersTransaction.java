package io.synckit.postgres.testing;

import io.synckit.ConnectionSource;
import io.synckit.EventStore;
import io.synckit.Instrumentation;
import io.synckit.postgres.Config;
import io.synckit.postgres.PostgresEventStore;
import io.synckit.postgres.internal.json.JacksonJson;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Savepoint;
import java.sql.Statement;

/** A transaction that a test holds by hand, and a store that joins it. */
public final class CallersTransaction implements AutoCloseable {

    private final Connection connection;
    private final EventStore store;

    private CallersTransaction(TestDatabase database, Connection connection) {
        this.connection = connection;
        this.store = new PostgresEventStore(
                database.pool(), joining(connection), new JacksonJson(), Config.defaults(), Instrumentation.NONE);
    }

    public static CallersTransaction begin(TestDatabase database) throws SQLException {
        Connection connection = database.connect();
        connection.setAutoCommit(false);
        return new CallersTransaction(database, connection);
    }

    private static ConnectionSource joining(Connection connection) {
        return () -> new ConnectionSource.Borrowed(connection, true, () -> {});
    }

    /** The store whose calls are part of this transaction. */
    public EventStore store() {
        return store;
    }

    public Connection connection() {
        return connection;
    }

    public void execute(String sql) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute(sql);
        }
    }

    public Savepoint savepoint() throws SQLException {
        return connection.setSavepoint();
    }

    public void rollbackTo(Savepoint savepoint) throws SQLException {
        connection.rollback(savepoint);
    }

    public void commit() throws SQLException {
        connection.commit();
    }

    public void rollback() throws SQLException {
        connection.rollback();
    }

    /** Rolls back what is open. */
    @Override
    public void close() throws SQLException {
        if (!connection.isClosed()) {
            connection.rollback();
            connection.close();
        }
    }
}
