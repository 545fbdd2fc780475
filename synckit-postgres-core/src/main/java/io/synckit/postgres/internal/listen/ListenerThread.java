package io.synckit.postgres.internal.listen;

import io.synckit.StoreClosedException;
import io.synckit.postgres.internal.runtime.NamedThreads;
import io.synckit.subscription.ListenerStatus;
import io.synckit.subscription.ListenerStatus.State;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Starts and stops the thread of a listener. Each start gets a new loop. Thread-safe. */
public final class ListenerThread {

    private static final Logger log = LoggerFactory.getLogger(ListenerThread.class);
    private static final Duration STOP_TIMEOUT = Duration.ofSeconds(5);

    private final String table;
    private final Supplier<ListenerLoop> loops;
    private final ReentrantLock lock = new ReentrantLock();
    private volatile @Nullable ListenerLoop loop;
    private @Nullable Thread thread;
    private boolean closed;

    public ListenerThread(String table, Supplier<ListenerLoop> loops) {
        this.table = table;
        this.loops = loops;
    }

    /**
     * Starts the thread. Does nothing if it runs.
     *
     * @param first runs before the thread
     * @throws StoreClosedException after {@link #close}
     */
    public void start(Runnable first) {
        lock.lock();
        try {
            if (closed) {
                throw new StoreClosedException("start");
            }
            if (thread == null || !thread.isAlive()) {
                ListenerLoop started = loops.get();
                loop = started;
                thread = NamedThreads.single("synckit-listener-" + table, started);
                first.run();
                thread.start();
            }
        } finally {
            lock.unlock();
        }
    }

    /**
     * Stops the thread, and waits briefly for its end. Does nothing if it does not run.
     *
     * @param first runs before the thread is stopped
     * @param last runs afterwards
     */
    public void stop(Runnable first, Runnable last) {
        lock.lock();
        try {
            ListenerLoop stopping = loop;
            Thread ending = thread;
            if (stopping == null || ending == null) {
                return;
            }
            first.run();
            stopping.stop();
            if (ending == Thread.currentThread()) {
                return; // called by a watcher: the thread ends when the watcher returns
            }
            ending.join(STOP_TIMEOUT.toMillis());
            if (ending.isAlive()) {
                log.warn(
                        "listener.slow-stop: the listener of {} waits for the database; it ends when the call returns or fails",
                        table);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } finally {
            last.run();
            thread = null;
            lock.unlock();
        }
    }

    /** Stops the thread. It is not started again. See {@link #stop}. */
    public void close(Runnable first, Runnable last) {
        lock.lock();
        try {
            closed = true;
        } finally {
            lock.unlock();
        }
        stop(first, last);
    }

    /** Returns the status. */
    public ListenerStatus status() {
        ListenerLoop current = loop;
        return current == null
                ? new ListenerStatus(State.STOPPED, Instant.EPOCH, 0, null, null, null, null)
                : current.status();
    }

    /** This process has committed events that it began to store at this time. */
    public void committed(long begun) {
        ListenerLoop current = loop;
        if (current != null) {
            current.committed(begun);
        }
    }

    /** Reads soon, although there is no notification. */
    public void readSoon() {
        ListenerLoop current = loop;
        if (current != null) {
            current.readSoon();
        }
    }
}
