package io.synckit.postgres.testing;

import io.synckit.ConnectionSource;
import io.synckit.EventStore;
import io.synckit.Instrumentation;
import io.synckit.JsonCodec;
import io.synckit.postgres.Config;
import io.synckit.postgres.PostgresEventStore;
import io.synckit.postgres.internal.json.JacksonJson;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Savepoint;
import java.sql.Statement;

/** A transaction that a test holds by hand, and a store that joins it. */
public final class CallersTransaction implements AutoCloseable {

    private static final JsonCodec JSON = new JacksonJson();

    private final Connection connection;
    private final EventStore store;

    private CallersTransaction(TestDatabase database, Connection connection) {
        this.connection = connection;
        this.store = new PostgresEventStore(
                database.pool(), joining(connection), JSON, Config.defaults(), Instrumentation.NONE);
    }

    /** Begins a transaction on a connection outside the pool. */
    public static CallersTransaction begin(TestDatabase database) throws SQLException {
        return begin(database, database.connect());
    }

    /** Begins a transaction on a connection of the pool, which is much cheaper than a new one. */
    public static CallersTransaction beginPooled(TestDatabase database) throws SQLException {
        return begin(database, database.pool().getConnection());
    }

    private static CallersTransaction begin(TestDatabase database, Connection connection) throws SQLException {
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
