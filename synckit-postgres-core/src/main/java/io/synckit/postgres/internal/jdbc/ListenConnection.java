package io.synckit.postgres.internal.jdbc;

import io.synckit.ConnectionSource;
import io.synckit.TransactionPoolerException;
import io.synckit.UnsupportedDatabaseException;
import io.synckit.postgres.internal.runtime.Watchdog;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.UUID;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.postgresql.PGConnection;
import org.postgresql.PGNotification;

/**
 * The physical connection that listens. It belongs to one thread; only {@link #abort} may be called by another. Every call is watched:
 * one that hangs fails.
 */
public final class ListenConnection implements AutoCloseable {

    private static final Duration DELIVERY = Duration.ofSeconds(2);

    private final Connection connection;
    private final PGConnection notifications;
    private final Watchdog watchdog;
    private int backendPid;
    private String channel = "";

    private ListenConnection(Connection connection, Watchdog watchdog) throws SQLException {
        this.connection = connection;
        this.notifications = connection.unwrap(PGConnection.class);
        this.watchdog = watchdog;
    }

    /**
     * Connects and listens on the bell's channel.
     *
     * @param physical hands out connections that no pool takes back
     * @param pool to see whether notifications come through, if something is between here and the server
     * @throws UnsupportedDatabaseException if the server is a standby
     * @throws TransactionPoolerException if notifications do not come through
     */
    public static ListenConnection open(DataSource physical, ConnectionSource pool, Bell bell, Watchdog watchdog)
            throws SQLException {
        ListenConnection listening = new ListenConnection(physical.getConnection(), watchdog);
        try {
            watchdog.watch(listening.connection, () -> {
                listening.start(pool, bell);
                return true;
            });
            return listening;
        } catch (SQLException | RuntimeException e) {
            listening.abort();
            throw e;
        }
    }

    private void start(ConnectionSource pool, Bell bell) throws SQLException {
        connection.setAutoCommit(true);
        // Whatever the role's default is: under a higher one the horizon is older than the locks, and a wake-up can be
        // missed.
        connection.setTransactionIsolation(Connection.TRANSACTION_READ_COMMITTED);
        try (Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery("select pg_backend_pid(), pg_is_in_recovery()")) {
            rows.next();
            backendPid = rows.getInt(1);
            if (rows.getBoolean(2)) {
                throw new UnsupportedDatabaseException(
                        "the listener's server is a standby, where LISTEN is not possible;"
                                + " connect to the primary (targetServerType=primary in the URL)");
            }
        }
        // The server tells its process id when the connection starts; a pooler in between tells a number of its own.
        if (backendPid != notifications.getBackendPID()) {
            requireDelivery(pool);
        }
        channel = bell.channel(connection);
        listen(channel);
    }

    /** A pooler in transaction mode takes LISTEN and never delivers to a client that is idle. */
    private void requireDelivery(ConnectionSource pool) throws SQLException {
        String probe = "synckit.probe." + UUID.randomUUID();
        listen(probe);
        try (Session other = Session.open(pool)) {
            Bell.notify(other.connection(), probe);
        }
        PGNotification[] delivered = notifications.getNotifications((int) DELIVERY.toMillis());
        if (delivered == null || delivered.length == 0) {
            throw new TransactionPoolerException(
                    "LISTEN through this URL never delivers: there is a connection pooler in"
                            + " transaction mode (PgBouncer) in between; give the listener a URL past it"
                            + " (synckit.postgres.listener.url)");
        }
        try (Statement statement = connection.createStatement()) {
            statement.execute("unlisten \"" + probe + '"');
        }
    }

    private void listen(String name) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute("listen \"" + name + '"');
        }
    }

    /** The process id of its backend. */
    public int backendPid() {
        return backendPid;
    }

    /** For the owner's queries. */
    public Connection connection() {
        return connection;
    }

    /** Waits for the bell, but not longer than this (1 ms at least); whether it rang. */
    public boolean await(Duration longest) throws SQLException {
        int millis = (int) Math.max(1, longest.toMillis());
        return bellIn(watchdog.watch(connection, () -> notifications.getNotifications(millis)));
    }

    /**
     * Waits so long with the bell in hand, for a reader that will look again anyway: writers commit without ringing, and other readers are
     * rung once at the end. The server does the waiting, so a client that dies meanwhile leaves nothing behind.
     *
     * @return whether it rang
     */
    public boolean holdBell(Bell bell, Duration time) throws SQLException {
        return watchdog.watch(connection, () -> {
            bell.hold(connection, time);
            return bellIn(notifications.getNotifications());
        });
    }

    private boolean bellIn(PGNotification @Nullable [] received) {
        if (received != null) {
            for (PGNotification notification : received) {
                if (notification.getName().equals(channel)) {
                    return true;
                }
            }
        }
        return false;
    }

    /** Asks whether the table rings at all, to see whether the connection answers, and how fast. */
    public Probe probe(Bell bell) throws SQLException {
        long start = System.nanoTime();
        boolean rings = watchdog.watch(connection, () -> bell.rings(connection));
        return new Probe(Duration.ofNanos(System.nanoTime() - start), rings);
    }

    /**
     * An answer.
     *
     * @param roundTrip how long it took
     * @param rings whether the table has a trigger that rings
     */
    public record Probe(Duration roundTrip, boolean rings) {}

    /** Breaks the connection, from any thread. */
    public void abort() {
        Watchdog.abort(connection);
    }

    @Override
    public void close() {
        try {
            watchdog.watch(connection, () -> {
                connection.close();
                return true;
            });
        } catch (SQLException e) {
            abort();
        }
    }
}
