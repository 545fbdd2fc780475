package io.synckit.postgres.internal.listen;

import io.synckit.ConnectionSource;
import io.synckit.InvalidConnectionException;
import io.synckit.postgres.internal.runtime.NamedThreads;
import io.synckit.postgres.internal.runtime.Watchdog;
import io.synckit.postgres.internal.sql.Doorbell;
import io.synckit.postgres.internal.sql.ListenConnection;
import io.synckit.postgres.internal.sql.Session;
import java.sql.SQLException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import javax.sql.DataSource;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Opens the listener's connection, and checks that it leads to the database of the pool. Used by the listener's thread. */
public final class Connector {

    private static final Logger log = LoggerFactory.getLogger(Connector.class);

    private final String table;
    private final DataSource physical;
    private final ConnectionSource pool;
    private final Doorbell doorbell;
    private final Watchdog watchdog;
    private boolean verified;

    public Connector(String table, DataSource physical, ConnectionSource pool, Doorbell doorbell, Watchdog watchdog) {
        this.table = table;
        this.physical = physical;
        this.pool = pool;
        this.doorbell = doorbell;
        this.watchdog = watchdog;
    }

    /** Connects on another thread, because that may take as long as the driver's timeouts. If the future is cancelled, the connection is closed. */
    CompletableFuture<ListenConnection> connect() {
        CompletableFuture<ListenConnection> connecting = new CompletableFuture<>();
        NamedThreads.single("synckit-connect-" + table, () -> {
                    try {
                        ListenConnection connected = ListenConnection.open(physical, pool, doorbell, watchdog);
                        if (!connecting.complete(connected)) {
                            connected.close();
                        }
                    } catch (SQLException | RuntimeException | Error e) {
                        connecting.completeExceptionally(e);
                    }
                })
                .start();
        return connecting;
    }

    /** Returns the connection of a completed future. */
    static ListenConnection result(CompletableFuture<ListenConnection> connecting) throws SQLException {
        try {
            return connecting.join();
        } catch (CompletionException e) {
            if (e.getCause() instanceof SQLException failure) {
                throw failure;
            }
            if (e.getCause() instanceof RuntimeException failure) {
                throw failure;
            }
            throw e;
        }
    }

    /**
     * Checks once that the connection and the pool lead to the same table of the same server. A URL that leads elsewhere does so from the
     * beginning.
     *
     * @throws InvalidConnectionException if they do not
     */
    void requireSameDatabase(ListenConnection connected) throws SQLException {
        if (verified) {
            return;
        }
        String expected;
        try (Session session = Session.open(pool)) {
            expected = doorbell.home(session.connection());
        } catch (SQLException | RuntimeException e) {
            log.debug("listener.unverified: the pool cannot be queried: {}", e.getMessage());
            return;
        }
        if (!expected.equals(doorbell.home(connected.connection()))) {
            throw new InvalidConnectionException(
                    "the listener is connected to another database than the pool; give it a URL of"
                            + " the same database (synckit.postgres.listener.url)");
        }
        verified = true;
    }
}
