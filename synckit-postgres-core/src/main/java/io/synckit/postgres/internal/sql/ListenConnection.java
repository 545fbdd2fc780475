package io.synckit.postgres.internal.sql;

import io.synckit.ConnectionSource;
import io.synckit.InvalidConnectionException;
import io.synckit.postgres.internal.runtime.Clock;
import io.synckit.postgres.internal.runtime.Watchdog;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.UUID;
import java.util.function.Consumer;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.postgresql.PGConnection;
import org.postgresql.PGNotification;

/**
 * The connection that listens. It belongs to one thread. Only {@link #abort} may be called by another thread. A call that takes longer
 * than the watchdog's limit fails.
 */
public final class ListenConnection implements AutoCloseable {

    private static final Duration DELIVERY = Duration.ofSeconds(2);

    private final Connection connection;
    private final PGConnection notifications;
    private final Watchdog watchdog;
    private final Map<String, Consumer<String>> others = new HashMap<>();
    private int backendPid;
    private String channel = "";

    private ListenConnection(Connection connection, Watchdog watchdog) throws SQLException {
        this.connection = connection;
        this.notifications = connection.unwrap(PGConnection.class);
        this.watchdog = watchdog;
    }

    /**
     * Connects and listens on the channel of the table.
     *
     * @param physical provides connections that belong to no pool
     * @param pool provides the connection that tests the delivery of notifications, if a proxy is detected
     * @throws InvalidConnectionException if the server is a standby
     * @throws InvalidConnectionException if notifications do not come through
     */
    public static ListenConnection open(
            DataSource physical, ConnectionSource pool, Doorbell doorbell, Watchdog watchdog) throws SQLException {
        ListenConnection listening = new ListenConnection(physical.getConnection(), watchdog);
        try {
            watchdog.watch(listening.connection, () -> {
                listening.start(pool, doorbell);
                return true;
            });
            return listening;
        } catch (SQLException | RuntimeException e) {
            listening.abort();
            throw e;
        }
    }

    private void start(ConnectionSource pool, Doorbell doorbell) throws SQLException {
        connection.setAutoCommit(true);
        // Under a higher isolation level, the snapshot is older than the locks, and an event can be missed.
        connection.setTransactionIsolation(Connection.TRANSACTION_READ_COMMITTED);
        try (Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery("select pg_backend_pid(), pg_is_in_recovery()")) {
            rows.next();
            backendPid = rows.getInt(1);
            if (rows.getBoolean(2)) {
                throw new InvalidConnectionException(
                        InvalidConnectionException.Reason.UNSUPPORTED_DATABASE,
                        "the listener's server is a standby, where LISTEN is not possible;"
                                + " connect to the primary (targetServerType=primary in the URL)");
            }
        }
        // A pooler reports a process id of its own when the connection starts.
        if (backendPid != notifications.getBackendPID()) {
            requireDelivery(pool);
        }
        channel = doorbell.channel(connection);
        listen(channel);
    }

    /** A pooler in transaction mode accepts LISTEN, but does not deliver notifications to an idle client. */
    private void requireDelivery(ConnectionSource pool) throws SQLException {
        String probe = "synckit.probe." + UUID.randomUUID();
        listen(probe);
        try (Session other = Session.open(pool)) {
            Doorbell.notify(other.connection(), probe);
        }
        PGNotification[] delivered = notifications.getNotifications((int) DELIVERY.toMillis());
        if (delivered == null || delivered.length == 0) {
            throw new InvalidConnectionException(
                    InvalidConnectionException.Reason.TRANSACTION_POOLER,
                    "LISTEN through this URL delivers no notifications, because a connection pooler (such as PgBouncer) in transaction mode"
                            + " is between the application and the server; set synckit.postgres.listener.url to a URL of the server itself");
        }
        try (Statement statement = connection.createStatement()) {
            statement.execute("unlisten \"" + probe + '"');
        }
    }

    /** Listens on another channel too. The consumer receives the payloads, on the thread that owns the connection. */
    public void listen(String other, Consumer<String> payloads) throws SQLException {
        others.put(other, payloads);
        watchdog.watch(connection, () -> {
            listen(other);
            return true;
        });
    }

    private void listen(String name) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute("listen \"" + name + '"');
        }
    }

    /** Returns the process id of the server process. */
    public int backendPid() {
        return backendPid;
    }

    /** Returns the connection, for queries of the thread that owns it. */
    public Connection connection() {
        return connection;
    }

    /** Waits for a notification, at most for this time (at least 1 ms). Returns whether one was received. */
    public boolean await(Duration longest) throws SQLException {
        int millis = (int) Math.max(1, longest.toMillis());
        return isNotified(watchdog.watch(connection, () -> notifications.getNotifications(millis)));
    }

    /**
     * Holds the doorbell lock for this time, for a reader that will read again anyway. Writers commit without notifying, and other
     * readers are notified once at the end. The server waits, so a client that dies meanwhile leaves nothing behind.
     *
     * @return whether a notification was received
     */
    public boolean holdDoorbell(Doorbell doorbell, Duration time) throws SQLException {
        return watchdog.watch(connection, () -> {
            doorbell.hold(connection, time);
            return isNotified(notifications.getNotifications());
        });
    }

    /** Returns whether the doorbell was among the notifications, and passes on those of other channels. */
    private boolean isNotified(PGNotification @Nullable [] received) {
        boolean notified = false;
        if (received != null) {
            for (PGNotification notification : received) {
                if (notification.getName().equals(channel)) {
                    notified = true;
                } else if (others.containsKey(notification.getName())) {
                    others.get(notification.getName()).accept(notification.getParameter());
                }
            }
        }
        return notified;
    }

    /** Queries whether the table notifies at all. Shows whether the connection answers, and how fast. */
    public Probe probe(Doorbell doorbell) throws SQLException {
        long start = Clock.SYSTEM.nanos();
        boolean notifies = watchdog.watch(connection, () -> doorbell.notifies(connection));
        return new Probe(Duration.ofNanos(Clock.SYSTEM.nanos() - start), notifies);
    }

    /**
     * The answer to a probe.
     *
     * @param roundTrip time that the query took
     * @param notifies whether the table has a trigger that notifies
     */
    public record Probe(Duration roundTrip, boolean notifies) {}

    /** Breaks the connection. May be called by any thread. */
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
