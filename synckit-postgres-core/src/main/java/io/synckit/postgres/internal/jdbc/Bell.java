package io.synckit.postgres.internal.jdbc;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;

/** The listener's SQL of the bell. The functions that it calls are in {@code R__functions.sql}. */
public final class Bell {

    private static final String CHANNEL = "select <channel>()";
    private static final String RING = "select pg_notify(<channel>(), '')";
    private static final String HOLD = "select <hold>(?)";
    private static final String RINGS = """
            select exists (select from pg_trigger where tgrelid = to_regclass(?)
                              and tgname in (? || '_bell', ? || '_each_event') and tgenabled in ('A', 'O'))
            """;
    private static final String HOME = """
            select concat_ws(' ', extract(epoch from pg_postmaster_start_time()), current_database(), to_regclass(?)::oid)
            """;
    private static final String NOTIFY = "select pg_notify(?, '')";

    private final String channel;
    private final String ring;
    private final String hold;
    private final TableName name;

    public Bell(TableName name) {
        Statements statements = new Statements(name, false);
        this.name = name;
        this.channel = statements.named(CHANNEL);
        this.ring = statements.named(RING);
        this.hold = statements.named(HOLD);
    }

    /** The name of the table's channel. */
    public String channel(Connection connection) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery(channel)) {
            rows.next();
            return rows.getString(1);
        }
    }

    /** Rings for every listener, in a transaction that flushes no log. */
    public void ring(Connection connection) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute(ring);
        }
    }

    /** Whether commits ring at all: the table has a trigger for that. */
    boolean rings(Connection connection) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(RINGS)) {
            statement.setString(1, name.quoted());
            statement.setString(2, name.table());
            statement.setString(3, name.table());
            try (ResultSet rows = statement.executeQuery()) {
                rows.next();
                return rows.getBoolean(1);
            }
        }
    }

    /** Which table it is, of which database of which server: the same for all connections to it at one time. */
    public String home(Connection connection) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(HOME)) {
            statement.setString(1, name.quoted());
            try (ResultSet rows = statement.executeQuery()) {
                rows.next();
                return rows.getString(1);
            }
        }
    }

    /** Holds the bell for so long, if it is free, then rings it: whoever commits meanwhile need not. */
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
