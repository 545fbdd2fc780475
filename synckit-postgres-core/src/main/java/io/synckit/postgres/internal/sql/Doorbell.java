package io.synckit.postgres.internal.sql;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;

/** The listener's SQL of the notifications and the doorbell lock. The functions that it calls are in {@code R__functions.sql}. */
public final class Doorbell {

    private static final String CHANNEL = "select <channel>()";
    private static final String NOTIFY_ALL = "select pg_notify(<channel>(), '')";
    private static final String HOLD = "select <hold doorbell>(?)";
    private static final String NOTIFIES = """
            select exists (select from pg_trigger where tgrelid = to_regclass(?)
                              and tgname in (? || '_notify', ? || '_each_event') and tgenabled in ('A', 'O'))
            """;
    private static final String HOME = """
            select concat_ws(' ', extract(epoch from pg_postmaster_start_time()), current_database(), to_regclass(?)::oid)
            """;
    private static final String NOTIFY = "select pg_notify(?, '')";

    private final String channel;
    private final String notifyAll;
    private final String hold;
    private final TableName name;

    public Doorbell(TableName name) {
        Statements statements = new Statements(name, false);
        this.name = name;
        this.channel = statements.named(CHANNEL);
        this.notifyAll = statements.named(NOTIFY_ALL);
        this.hold = statements.named(HOLD);
    }

    /** Returns the name of the table's channel. */
    public String channel(Connection connection) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery(channel)) {
            rows.next();
            return rows.getString(1);
        }
    }

    /** Notifies every listener of the table, in a transaction that flushes no log. */
    public void notifyListeners(Connection connection) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute(notifyAll);
        }
    }

    /** Returns whether the table has a trigger that notifies. */
    boolean notifies(Connection connection) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(NOTIFIES)) {
            statement.setString(1, name.quoted());
            statement.setString(2, name.table());
            statement.setString(3, name.table());
            try (ResultSet rows = statement.executeQuery()) {
                rows.next();
                return rows.getBoolean(1);
            }
        }
    }

    /** Returns a text that identifies the table, its database and its server. It is the same for all connections until the server restarts. */
    public String home(Connection connection) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(HOME)) {
            statement.setString(1, name.quoted());
            try (ResultSet rows = statement.executeQuery()) {
                rows.next();
                return rows.getString(1);
            }
        }
    }

    /** Holds the doorbell lock for this time if it is free, then notifies. Transactions that commit meanwhile do not notify. */
    void hold(Connection connection, Duration time) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(hold)) {
            statement.setDouble(1, time.toNanos() / 1e9);
            statement.execute();
        }
    }

    /** Notifies one channel. */
    static void notify(Connection connection, String channel) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(NOTIFY)) {
            statement.setString(1, channel);
            statement.execute();
        }
    }
}
