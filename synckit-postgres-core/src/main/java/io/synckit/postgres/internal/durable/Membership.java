package io.synckit.postgres.internal.durable;

import io.synckit.postgres.internal.listen.ListenerTenant;
import io.synckit.postgres.internal.runtime.Clock;
import io.synckit.postgres.internal.sql.ControlChannel;
import io.synckit.postgres.internal.sql.InstanceTable;
import io.synckit.postgres.internal.sql.ListenConnection;
import io.synckit.postgres.internal.sql.ServerStart;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * This process as one that runs durable subscriptions: its row, and the lock that proves that it is alive. The lock is held on the
 * connection that listens, or in a transaction of the pool while there is none. Thread-safe.
 */
public final class Membership implements ListenerTenant {

    private static final long RETRY = Duration.ofSeconds(1).toNanos();

    /** How long a process waits for its connection before it holds the lock in a transaction of the pool. */
    private static final long PATIENCE = Duration.ofSeconds(5).toNanos();

    private final InstanceTable instances;
    private final ControlChannel control;
    private final Supplier<Set<String>> subscriptions;
    private final Consumer<String> onSignal;
    private final Runnable onAnchored;
    private final String processName;
    private final Duration ownerTimeout;
    private final Clock clock;
    private volatile boolean wanted;
    private volatile int id;
    /** The start of the server on which the lock was last taken. */
    private volatile long lockedOn;
    /** An id whose lock this process must still release; 0 if there is none. */
    private volatile int former;

    private volatile @Nullable ListenConnection listening;
    private volatile boolean locked;
    private volatile boolean confirmed;
    private volatile long answeredAt;
    private volatile long withoutConnectionSince;
    private volatile boolean polls;
    private volatile boolean pinned;
    private long nextAttempt;

    /** Two threads take the lock of this process: the one that listens, and the coordinator's. Else each could insert a row. */
    private final ReentrantLock anchoring = new ReentrantLock();

    Membership(
            InstanceTable instances,
            ControlChannel control,
            String processName,
            Duration ownerTimeout,
            Clock clock,
            Supplier<Set<String>> subscriptions,
            Consumer<String> onSignal,
            Runnable onAnchored) {
        this.instances = instances;
        this.control = control;
        this.processName = processName;
        this.ownerTimeout = ownerTimeout;
        this.clock = clock;
        this.subscriptions = subscriptions;
        this.onSignal = onSignal;
        this.onAnchored = onAnchored;
        this.withoutConnectionSince = clock.nanos();
    }

    /** From now on, this process is a member as soon as it has a connection. */
    void join() {
        withoutConnectionSince = clock.nanos();
        wanted = true;
    }

    /** Ends the membership. Returns the id of the row, which is to be deleted; 0 if there is none. */
    int leave() {
        int left = id;
        former = listening != null && locked && !pinned ? left : 0;
        wanted = false;
        locked = false;
        confirmed = false;
        id = 0;
        return left;
    }

    /** Returns the id of this process; 0 if it has none. */
    int id() {
        return id;
    }

    /** Returns whether the lock is held. */
    boolean isLocked() {
        return locked;
    }

    /** Returns whether the session that can hold the lock is there, as far as this process knows. */
    boolean isConnected() {
        return listening != null || pinned;
    }

    /** Returns whether the lock is held by the connection that listens, so that signals arrive. */
    boolean isListening() {
        return listening != null && locked && !pinned;
    }

    /** The rows of this process were read while the lock was held. */
    void confirm() {
        confirmed = locked;
    }

    /**
     * The row with this id is gone, because another process has seen this one as dead. It gets another row, unless it has another one already:
     * the check that has found this may have begun before.
     */
    void expelled(int former) {
        synchronized (this) {
            if (id == former) {
                id = 0;
                locked = false;
                confirmed = false;
            }
        }
        onAnchored.run();
    }

    /** Returns whether the server has received something of this process within the owner timeout. Then another one sees it as dead only if its lock was lost. */
    boolean isSeenAlive() {
        return confirmed && clock.nanos() - answeredAt < ownerTimeout.toNanos();
    }

    @Override
    public void serve(ListenConnection connection) throws SQLException {
        int left = former;
        if (left != 0 && connection == listening) {
            // If the row could not be deleted, the lock would show it as that of a living process.
            former = 0;
            instances.unlock(connection.connection(), left);
        }
        if (!wanted) {
            return;
        }
        if (connection != listening) {
            connection.listen(control.name(connection.connection()), onSignal);
            InstanceTable.limitSilence(connection.connection(), ownerTimeout);
            anchoring.lock();
            try {
                listening = connection;
                locked = pinned;
            } finally {
                anchoring.unlock();
            }
            nextAttempt = clock.nanos();
        }
        // The transaction that holds the lock meanwhile is ended by another thread.
        if (!locked && !pinned && clock.nanos() >= nextAttempt) {
            anchor(connection.connection(), connection.connection(), false);
            nextAttempt = clock.nanos() + RETRY;
        }
    }

    /**
     * Locks the row of this process, and inserts it if it is not there. Returns false if another thread has locked it, or if the server has not
     * noticed yet that the former connection of this process is lost. On another server there is no such connection.
     *
     * @param holder the connection that holds the lock
     * @param writer the connection that writes the row, outside a transaction
     * @param inTransaction whether the lock ends with the open transaction of the holder
     */
    boolean anchor(Connection holder, Connection writer, boolean inTransaction) throws SQLException {
        anchoring.lock();
        try {
            return !locked && anchorAlone(holder, writer, inTransaction);
        } finally {
            anchoring.unlock();
        }
    }

    private boolean anchorAlone(Connection holder, Connection writer, boolean inTransaction) throws SQLException {
        int known = id;
        long server = ServerStart.of(writer);
        if (known != 0 && !lock(holder, known, inTransaction)) {
            if (server == lockedOn) {
                return false;
            }
            known = 0; // A fail-over has lost this id, and another process has got it.
        }
        if (known == 0 || !instances.update(writer, known, subscriptions.get())) {
            do {
                known = instances.nextId(writer);
            } while (!lock(holder, known, inTransaction)); // Another process may have it from before a fail-over.
            instances.insert(writer, known, subscriptions.get(), processName);
        }
        synchronized (this) {
            id = known;
            lockedOn = server;
            confirmed = false;
            answeredAt = clock.nanos();
            locked = true;
        }
        onAnchored.run();
        return true;
    }

    private boolean lock(Connection connection, int lockedId, boolean inTransaction) throws SQLException {
        return inTransaction ? instances.lockInTransaction(connection, lockedId) : instances.lock(connection, lockedId);
    }

    @Override
    public void answered(long now) {
        if (locked) {
            answeredAt = now;
        }
    }

    @Override
    public void disconnected() {
        if (listening == null) {
            return; // it was not connected
        }
        listening = null;
        former = 0;
        withoutConnectionSince = clock.nanos();
        if (!pinned) {
            locked = false;
        }
    }

    @Override
    public void polling() {
        polls = true;
        onAnchored.run();
    }

    /** Returns whether the lock must be held in a transaction of the pool, because there is no connection that listens. */
    boolean needsPin() {
        return wanted && listening == null && (polls || clock.nanos() - withoutConnectionSince > PATIENCE);
    }

    /** Returns whether the lock is held in a transaction of the pool. */
    boolean isPinned() {
        return pinned;
    }

    void pinned(boolean held) {
        pinned = held;
        if (!held) {
            locked = false;
            confirmed = false;
        }
    }
}
