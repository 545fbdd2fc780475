package io.synckit.postgres.internal.sql;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;

/** The channel on which processes with durable subscriptions send signals to each other. A signal is a hint; the tables are the truth. */
public final class ControlChannel {

    private static final String CHANNEL = "select <control channel>()";
    private static final String NOTIFY = "select pg_notify(<control channel>(), ?)";

    private final String channel;
    private final String notify;

    public ControlChannel(TableName name) {
        Statements statements = new Statements(name, false);
        this.channel = statements.named(CHANNEL);
        this.notify = statements.named(NOTIFY);
    }

    /** Returns the name of the channel. */
    public String name(Connection connection) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery(channel)) {
            rows.next();
            return rows.getString(1);
        }
    }

    /**
     * Sends a signal. Not to be called in the transaction of a handler, because a transaction that notifies commits under a lock of the whole
     * database. Those of operators are rare.
     */
    public void send(Connection connection, String signal) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(notify)) {
            statement.setString(1, signal);
            statement.execute();
        }
    }
}
