package io.synckit.postgres.notification;

import io.synckit.ConnectionSource;
import io.synckit.HistoryChangedException;
import io.synckit.JsonCodec;
import io.synckit.StoreClosedException;
import io.synckit.postgres.internal.listen.Auditor;
import io.synckit.postgres.internal.runtime.Clock;
import io.synckit.postgres.internal.runtime.NamedThreads;
import io.synckit.subscription.DurableStatus;
import io.synckit.subscription.DurableSubscription;
import io.synckit.subscription.EventSubscriptions;
import io.synckit.subscription.ListenerStatus;
import io.synckit.subscription.ListenerStatus.State;
import io.synckit.subscription.LiveSubscription.Lag;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import javax.sql.DataSource;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Listens for the events of a table with one connection and one thread, and serves subscriptions. Notifications are hints; events come
 * from the table. While there is no connection, it polls. Thread-safe.
 *
 * <p>Subscriptions can be opened and closed at any time. They are served between {@link #start} and {@link #stop}, and catch up after the
 * next start.
 */
public final class NotificationListener implements AutoCloseable {

    private static final Logger log = LoggerFactory.getLogger(NotificationListener.class);
    private static final Duration FOREVER = Duration.ofDays(365);

    private final ListenerParts parts;
    private final Duration closeTimeout;
    private final Duration stopTimeout;
    private final ReentrantLock lifecycle = new ReentrantLock();
    private CompletableFuture<Void> gracefulStop = CompletableFuture.completedFuture(null);
    private int gracefulStopAfter;
    private volatile int starts;
    private volatile boolean closed;
    private volatile boolean undeliveredLogged;

    NotificationListener(NotificationListenerBuilder builder) {
        this.parts = new ListenerParts(builder);
        this.closeTimeout = builder.closeTimeout;
        this.stopTimeout = builder.stopTimeout();
    }

    /**
     * Returns a builder.
     *
     * @param physical provides connections that belong to no pool, to the database of the pool. It needs a login timeout, because otherwise
     *     an attempt to reach a server that does not answer never ends
     * @param pool provides connections for subscriptions that lag, and for polls
     */
    public static NotificationListenerBuilder builder(DataSource physical, ConnectionSource pool, JsonCodec json) {
        return new NotificationListenerBuilder(physical, pool, json);
    }

    /**
     * Starts to listen, in the background; {@link #status} shows the progress. Does nothing if the listener runs.
     *
     * @throws StoreClosedException after {@link #close}
     */
    public void start() {
        lifecycle.lock();
        try {
            parts.thread.start(() -> {
                undeliveredLogged = false;
                parts.reader.forgetHistoryChange();
                parts.live.serve(true);
            });
            starts++;
            parts.live.serve(true); // the thread still runs if a stop waits for handlers
        } finally {
            lifecycle.unlock();
        }
        parts.durable.start();
    }

    /**
     * Stops listening and polling. No handler is called for a further event. Running handlers are not interrupted; {@link #stopGracefully}
     * waits for them. Subscriptions stay, and catch up after the next start. Durable subscriptions let their running handlers end, and go to
     * other processes.
     */
    public void stop() {
        int startsBefore = starts;
        parts.durable.exemptCaller();
        parts.durable.stop(stopTimeout);
        stopThread(startsBefore);
    }

    /** Ends the thread, unless a start has followed meanwhile. */
    private void stopThread(int startsBefore) {
        lifecycle.lock();
        try {
            if (starts == startsBefore) {
                parts.thread.stop(() -> parts.live.serve(false), parts.reader::verifyNext);
            }
        } finally {
            lifecycle.unlock();
        }
    }

    /**
     * Stops, and returns a future that completes when no handler runs any more. If a handler calls this method, the future does not wait
     * for that handler. A {@link #start} meanwhile takes effect after the running durable handlers. If events were not delivered, one log
     * message contains their number, and the position of each subscription.
     */
    public CompletableFuture<Void> stopGracefully() {
        parts.runs.exemptCaller();
        parts.durable.exemptCaller();
        lifecycle.lock();
        try {
            if (gracefulStop.isDone() || gracefulStopAfter != starts) {
                gracefulStopAfter = starts;
                gracefulStop = beginGracefulStop(starts);
            }
            return gracefulStop.copy();
        } finally {
            lifecycle.unlock();
        }
    }

    private CompletableFuture<Void> beginGracefulStop(int startsBefore) {
        parts.live.serve(false);
        boolean durable = parts.durable.isServing();
        if (!durable) {
            stop();
        }
        Runnable stopDurable = durable ? parts.durable.beginStop(FOREVER) : () -> {};
        CompletableFuture<Void> stopped = new CompletableFuture<>();
        NamedThreads.single("synckit-stop-" + parts.table, () -> {
                    stopDurable.run();
                    stopThread(startsBefore);
                    parts.runs.awaitIdle(FOREVER);
                    logUndelivered();
                    stopped.complete(null);
                })
                .start();
        return stopped;
    }

    /**
     * Ends the listener and all its subscriptions. Waits for running handlers, at most for the close timeout. If a handler calls this
     * method, it does not wait for that handler. Closing again does nothing.
     */
    @Override
    public void close() {
        if (closed) {
            return;
        }
        closed = true;
        parts.runs.endAccepting();
        boolean byHandler = parts.runs.exemptCaller();
        parts.durable.exemptCaller();
        parts.durable.close();
        parts.thread.close(() -> parts.live.serve(false), parts.reader::verifyNext);
        if (!parts.runs.awaitIdle(closeTimeout) && !closeTimeout.isZero()) {
            log.warn(
                    "listener.slow-handlers: handlers still run after {}; their subscriptions end when they return",
                    closeTimeout);
        }
        logUndelivered();
        parts.live.close();
        parts.runs.endThreads(byHandler);
        parts.poller.close();
        parts.watchdog.close();
    }

    private void logUndelivered() {
        if (!undeliveredLogged) {
            undeliveredLogged = true;
            parts.live.undelivered().ifPresent(text -> log.warn("listener.undelivered: {}: {}", parts.table, text));
        }
    }

    /** Returns whether a handler runs, also after {@link #stop}. */
    public boolean isBusy() {
        return parts.runs.isBusy();
    }

    /** Returns whether the LISTEN connection is up. While it is down, subscriptions are served by polling. */
    public boolean isConnected() {
        return status().state() == State.LISTENING;
    }

    /** Returns the status. */
    public ListenerStatus status() {
        return parts.thread.status();
    }

    /** Returns the counters. */
    public ListenerStatus.Counts counts() {
        return parts.counters.now();
    }

    /** Returns how far the reader has read; empty while there are no subscriptions, because then it does not read. */
    public Optional<ListenerStatus.Reader> reader() {
        return parts.reader.status();
    }

    /** Returns the last change of the history that was detected since the start. */
    public Optional<HistoryChangedException> historyChange() {
        return Optional.ofNullable(parts.reader.historyChange());
    }

    /** Returns the result of the audit; empty without an audit. */
    public Optional<ListenerStatus.Audit> audit() {
        return Optional.ofNullable(parts.auditor).map(Auditor::report);
    }

    /** Calls the watcher at every change of the state, on the listener's thread, until the returned handle is closed. */
    public AutoCloseable watch(Consumer<ListenerStatus> watcher) {
        return parts.watchers.add(watcher);
    }

    /** Returns the subscriptions of this listener. */
    public EventSubscriptions subscriptions() {
        return parts.subscriptions;
    }

    /** Returns all durable subscriptions of the table, those of other processes included. Sends a query. */
    public List<DurableStatus.Summary> durableSummaries() {
        return parts.durable.summaries();
    }

    /** Calls the watcher with each durable subscription that is started in this process, also with those that were started before. */
    public void watchDurable(Consumer<DurableSubscription> watcher) {
        parts.durable.watch(watcher);
    }

    /** Returns how many events were not delivered because subscribers were slow, those of ended subscriptions included. */
    public long dropped() {
        return parts.live.dropped();
    }

    /** Returns the lag of the subscription that is furthest behind. */
    public Lag lag() {
        return parts.live.lag();
    }

    /**
     * To be called before events are stored. The returned action is to be called after their commit: if no notification is received, this
     * listener sends one.
     */
    public Runnable storing() {
        long begun = Clock.SYSTEM.nanos();
        return () -> parts.thread.committed(begun);
    }
}
