package io.synckit.postgres.notification;

import io.synckit.ConnectionSource;
import io.synckit.Filter;
import io.synckit.JsonCodec;
import io.synckit.StoreClosedException;
import io.synckit.postgres.internal.listen.Auditor;
import io.synckit.postgres.internal.listen.Connector;
import io.synckit.postgres.internal.listen.Counters;
import io.synckit.postgres.internal.listen.ListenerLoop;
import io.synckit.postgres.internal.listen.ListenerSettings;
import io.synckit.postgres.internal.listen.ListenerState;
import io.synckit.postgres.internal.listen.ListenerThread;
import io.synckit.postgres.internal.listen.LogReader;
import io.synckit.postgres.internal.listen.Poller;
import io.synckit.postgres.internal.live.HandlerRuns;
import io.synckit.postgres.internal.live.LiveSubscriptions;
import io.synckit.postgres.internal.live.PageReader;
import io.synckit.postgres.internal.live.Subscriptions;
import io.synckit.postgres.internal.runtime.Clock;
import io.synckit.postgres.internal.runtime.NamedThreads;
import io.synckit.postgres.internal.runtime.SafeLog;
import io.synckit.postgres.internal.runtime.Watchdog;
import io.synckit.postgres.internal.sql.Doorbell;
import io.synckit.postgres.internal.sql.EventQueries;
import io.synckit.postgres.internal.sql.HorizonQueries;
import io.synckit.postgres.internal.sql.TableName;
import io.synckit.postgres.internal.sql.VersionQueries;
import io.synckit.subscription.AuditReport;
import io.synckit.subscription.HistoryChange;
import io.synckit.subscription.ListenerCounts;
import io.synckit.subscription.ListenerStatus;
import io.synckit.subscription.ListenerStatus.State;
import io.synckit.subscription.LiveOptions;
import io.synckit.subscription.LiveSubscription;
import io.synckit.subscription.ReaderStatus;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Listens for the events of a table with one connection and one thread, and serves live subscriptions. Notifications are hints; events come
 * from the table. While there is no connection, it polls. Thread-safe.
 *
 * <p>Subscriptions can be opened and closed at any time. They are served between {@link #start} and {@link #stop}, and catch up after the
 * next start.
 */
public final class NotificationListener implements AutoCloseable {

    private static final Logger log = LoggerFactory.getLogger(NotificationListener.class);
    private static final Duration FOREVER = Duration.ofDays(365);

    private final String table;
    private final Watchdog watchdog;
    private final Poller poller;
    private final LogReader reader;
    private final @Nullable Auditor auditor;
    private final Counters counters = new Counters();
    private final HandlerRuns runs;
    private final Subscriptions live;
    private final SubscriptionManager subscriptions;
    private final Duration closeTimeout;
    private final List<Consumer<ListenerStatus>> watchers = new CopyOnWriteArrayList<>();
    private final ListenerThread thread;
    private volatile boolean closed;
    private volatile boolean undeliveredLogged;

    NotificationListener(NotificationListenerBuilder builder) {
        TableName name = new TableName(builder.schema, builder.tableName);
        String table = name.toString();
        this.table = table;
        this.closeTimeout = builder.closeTimeout;
        this.watchdog = new Watchdog("synckit-watchdog-" + table, builder.callTimeout);
        EventQueries queries = new EventQueries(name, builder.json, builder.enablePreparedStmts);
        this.runs = builder.handlers == null
                ? HandlerRuns.withThreads(NotificationListenerBuilder.DEFAULT_HANDLER_THREADS, "synckit-live-" + table)
                : HandlerRuns.on(builder.handlers);
        this.live = new Subscriptions(runs, this::subscriptionEnded);
        this.auditor = builder.auditDelay == null
                ? null
                : new Auditor(new VersionQueries(name, builder.enablePreparedStmts), builder.auditDelay, Clock.SYSTEM);
        this.reader = new LogReader(
                queries,
                new HorizonQueries(name, queries, builder.json, builder.enablePreparedStmts),
                builder.json,
                watchdog,
                live,
                auditor,
                builder.batchSize,
                Clock.SYSTEM);
        this.poller = new Poller(table, builder.pool, reader, counters, auditor, Clock.SYSTEM);
        this.thread = new ListenerThread(table, () -> loop(builder, name));
        this.subscriptions = new SubscriptionManager(
                new LiveSubscriptions(
                        live,
                        runs,
                        new PageReader(table, builder.pool, queries, watchdog, builder.batchSize),
                        reader,
                        thread::readSoon,
                        builder.json,
                        builder.instrumentation,
                        Clock.SYSTEM),
                live);
    }

    private ListenerLoop loop(NotificationListenerBuilder builder, TableName name) {
        ListenerSettings settings = new ListenerSettings(
                table,
                builder.notificationTimeout,
                builder.reconnectInterval,
                builder.maxReconnectAttempts,
                builder.notifyMode);
        Doorbell doorbell = new Doorbell(name);
        return new ListenerLoop(
                settings,
                new Connector(table, builder.physical, builder.pool, doorbell, watchdog),
                doorbell,
                reader,
                watchdog,
                poller,
                live,
                counters,
                new ListenerState(settings, this::changed, Clock.SYSTEM),
                Clock.SYSTEM);
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
        thread.start(() -> {
            undeliveredLogged = false;
            reader.forgetHistoryChange();
            live.serve(true);
        });
    }

    /**
     * Stops listening and polling. No handler is called for a further event. Running handlers are not interrupted; {@link #stopGracefully}
     * waits for them. Subscriptions stay, and catch up after the next start.
     */
    public void stop() {
        thread.stop(() -> live.serve(false), reader::verifyNext);
    }

    /**
     * Stops, and returns a future that completes when no handler runs any more. If a handler calls this method, the future does not wait
     * for that handler. If events were not delivered, one log message contains their number, and the position of each subscription.
     */
    public CompletableFuture<Void> stopGracefully() {
        runs.exemptCaller();
        stop();
        CompletableFuture<Void> stopped = new CompletableFuture<>();
        NamedThreads.single("synckit-stop-" + table, () -> {
                    runs.awaitIdle(FOREVER);
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
        runs.endAccepting();
        boolean byHandler = runs.exemptCaller();
        thread.close(() -> live.serve(false), reader::verifyNext);
        if (!runs.awaitIdle(closeTimeout) && !closeTimeout.isZero()) {
            log.warn(
                    "listener.slow-handlers: handlers still run after {}; their subscriptions end when they return",
                    closeTimeout);
        }
        logUndelivered();
        live.close();
        runs.endThreads(byHandler);
        poller.close();
        watchdog.close();
    }

    private void logUndelivered() {
        if (!undeliveredLogged) {
            undeliveredLogged = true;
            live.undelivered().ifPresent(text -> log.warn("listener.undelivered: {}: {}", table, text));
        }
    }

    /** Returns whether a handler runs, also after {@link #stop}. */
    public boolean isBusy() {
        return runs.isBusy();
    }

    /** Returns whether the LISTEN connection is up. While it is down, subscriptions are served by polling. */
    public boolean isConnected() {
        return status().state() == State.LISTENING;
    }

    /** Returns the status. */
    public ListenerStatus status() {
        return thread.status();
    }

    /** Returns the counters. */
    public ListenerCounts counts() {
        return counters.now();
    }

    /** Returns how far the reader has read; empty while there are no subscriptions, because then it does not read. */
    public Optional<ReaderStatus> reader() {
        return reader.status();
    }

    /** Returns the last change of the history that was detected since the start. */
    public Optional<HistoryChange> historyChange() {
        return Optional.ofNullable(reader.historyChange());
    }

    /** Returns the result of the audit; empty without an audit. */
    public Optional<AuditReport> audit() {
        return Optional.ofNullable(auditor).map(Auditor::report);
    }

    /** Calls the watcher at every change of the state, on the listener's thread, until the returned handle is closed. */
    public AutoCloseable watch(Consumer<ListenerStatus> watcher) {
        watchers.add(Objects.requireNonNull(watcher, "the watcher is null"));
        return () -> watchers.remove(watcher);
    }

    private void changed(ListenerStatus status) {
        for (Consumer<ListenerStatus> watcher : watchers) {
            try {
                watcher.accept(status);
            } catch (Throwable e) {
                SafeLog.warn(log, "listener.watcher-failed: a watcher has thrown", e);
            }
        }
    }

    /** Returns the subscriptions: to open them, and to monitor them. */
    public SubscriptionManager subscriptions() {
        return subscriptions;
    }

    /** Returns the channels that have a subscription, as go-sync-kit names them. */
    public List<String> getActiveChannels() {
        return subscriptions.getChannels();
    }

    /** Subscribes to every event from now on. */
    public LiveSubscription subscribeToAll(NotificationHandler handler) {
        return subscribe(LiveOptions.named("all-events"), handler);
    }

    /** Subscribes to every event of a type from now on. */
    public LiveSubscription subscribeToEventType(String eventType, NotificationHandler handler) {
        return subscribe(LiveOptions.named("event-type").filter(Filter.types(eventType)), handler);
    }

    /** Subscribes to every event of an aggregate from now on. */
    public LiveSubscription subscribeToStream(String aggregateId, NotificationHandler handler) {
        return subscribe(LiveOptions.named("stream").filter(Filter.aggregateIds(aggregateId)), handler);
    }

    private LiveSubscription subscribe(LiveOptions options, NotificationHandler handler) {
        Objects.requireNonNull(handler, "the handler is null");
        return subscriptions.live(options, event -> handler.handle(NotificationPayload.of(event)));
    }

    /** Closes the subscriptions of the global channel: all but those to one aggregate. */
    public void unsubscribeFromAll() {
        subscriptions.unsubscribe("events_global");
    }

    /** Closes the subscriptions to an aggregate. */
    public void unsubscribeFromStream(String aggregateId) {
        subscriptions.unsubscribe("stream_" + aggregateId);
    }

    /**
     * To be called before events are stored. The returned action is to be called after their commit: if no notification is received, this
     * listener sends one.
     */
    public Runnable storing() {
        long begun = Clock.SYSTEM.nanos();
        return () -> thread.committed(begun);
    }

    private void subscriptionEnded() {
        reader.remove();
    }
}
