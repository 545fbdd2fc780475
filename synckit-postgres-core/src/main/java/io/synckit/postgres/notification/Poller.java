package io.synckit.postgres.notification;

import io.synckit.ConnectionSource;
import io.synckit.postgres.internal.jdbc.Session;
import io.synckit.postgres.internal.runtime.NamedThreads;
import java.sql.SQLException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Lets the tail look through the pool, on a thread of its own: a pool without connections may let it wait for long, and the handlers'
 * threads may all be busy.
 */
final class Poller implements AutoCloseable {

    private static final Logger log = LoggerFactory.getLogger(Poller.class);

    private final ConnectionSource pool;
    private final Tail tail;
    private final ExecutorService thread;
    private final AtomicBoolean polling = new AtomicBoolean();
    private final AtomicLong succeeded = new AtomicLong();

    Poller(String table, ConnectionSource pool, Tail tail) {
        this.pool = pool;
        this.tail = tail;
        this.thread = NamedThreads.atMost(1, "synckit-poll-" + table);
    }

    /** How many polls have succeeded. */
    long succeeded() {
        return succeeded.get();
    }

    /**
     * Begins a look.
     *
     * @param whenMoreMayFollow called if another look is due soon
     * @return false if the last one is not over
     */
    boolean poll(Runnable whenMoreMayFollow) {
        if (!polling.compareAndSet(false, true)) {
            return false;
        }
        try {
            thread.execute(() -> look(whenMoreMayFollow));
        } catch (RejectedExecutionException e) {
            polling.set(false); // closed
        }
        return true;
    }

    private void look(Runnable whenMoreMayFollow) {
        try (Session session = Session.open(pool)) {
            // Another connection each time, and perhaps another server.
            tail.suspect();
            if (tail.look(session.connection()).more()) {
                whenMoreMayFollow.run();
            }
            succeeded.incrementAndGet();
        } catch (SQLException | RuntimeException e) {
            log.debug("listener.poll-failed", e);
        } finally {
            polling.set(false);
        }
    }

    @Override
    public void close() {
        thread.shutdown();
    }
}
