package io.synckit.postgres.internal.durable;

import io.synckit.postgres.internal.sql.InstanceTable;
import io.synckit.postgres.internal.sql.Session;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;

/**
 * A transaction of the pool that holds the lock of this process while there is no connection that listens: with the notify mode OFF,
 * behind a pooler in transaction mode, or if the listener was disconnected for some seconds. It reads and writes nothing, so it delays neither VACUUM nor readers. Used by one thread.
 */
final class PinnedTransaction implements AutoCloseable {

    private final Database database;
    private final Session session;

    private PinnedTransaction(Database database, Session session) {
        this.database = database;
        this.session = session;
    }

    /** Opens a transaction, and locks the row of this process. Closes it if that fails. */
    static PinnedTransaction open(Database database, Membership membership, Duration ownerTimeout) throws SQLException {
        Session session = Session.openAlone(database.pool);
        try {
            boolean anchored = database.watched(session.connection(), holder -> {
                session.begin();
                InstanceTable.limitSilenceInTransaction(holder, ownerTimeout);
                try (Session writer = Session.openAlone(database.pool)) {
                    return database.watched(
                            writer.connection(), connection -> membership.anchor(holder, connection, true));
                }
            });
            if (!anchored) {
                throw new SQLException("another session holds the lock of this process");
            }
            return new PinnedTransaction(database, session);
        } catch (SQLException | RuntimeException e) {
            try (session) {
                throw e;
            }
        }
    }

    /** Shows the server that this process is alive. */
    void ping() throws SQLException {
        database.watched(session.connection(), connection -> {
            try (Statement statement = connection.createStatement()) {
                return statement.execute("select 1");
            }
        });
    }

    @Override
    public void close() throws SQLException {
        session.close();
    }
}
