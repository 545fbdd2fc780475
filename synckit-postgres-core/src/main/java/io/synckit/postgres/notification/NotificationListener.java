package io.synckit.postgres.notification;

import io.synckit.ConnectionSource;
import io.synckit.Filter;
import io.synckit.Instrumentation;
import io.synckit.InvalidConfigException;
import io.synckit.InvalidVersionException;
import io.synckit.JsonCodec;
import io.synckit.StoreClosedException;
import io.synckit.StoredEvent;
import io.synckit.Version;
import io.synckit.postgres.internal.jdbc.Bell;
import io.synckit.postgres.internal.jdbc.EventFilter;
import io.synckit.postgres.internal.jdbc.EventQueries;
import io.synckit.postgres.internal.jdbc.Horizon;
import io.synckit.postgres.internal.jdbc.Session;
import io.synckit.postgres.internal.jdbc.SqlFailure;
import io.synckit.postgres.internal.jdbc.SqlFunction;
import io.synckit.postgres.internal.jdbc.TableName;
import io.synckit.postgres.internal.runtime.NamedThreads;
import io.synckit.postgres.internal.runtime.Watchdog;
import io.synckit.postgres.notification.ListenerStatus.State;
import io.synckit.postgres.schema.NotifyMode;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Flow;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Listens for the events of a table, with one connection and one thread, and tells live subscriptions of them, in the order of
 * versions, none missing. Notifications are hints; the events come from the table. Without a connection it polls.
 *
 * <p>Subscriptions may come and go at any time. They are served from {@link #start} to {@link #stop}, and catch up after another start.
 */
public final class NotificationListener implements AutoCloseable {

    public static final Duration DEFAULT_NOTIFICATION_TIMEOUT = Duration.ofSeconds(30);
    public static final Duration DEFAULT_RECONNECT_INTERVAL = Duration.ofSeconds(5);
    public static final int DEFAULT_MAX_RECONNECT_ATTEMPTS = 10;
    public static final Duration DEFAULT_AUDIT_DELAY = Duration.ofMinutes(1);
    public static final Duration DEFAULT_CLOSE_TIMEOUT = Duration.ofSeconds(30);

    /** Handlers that may run, or block, at the same time, if no executor is given. */
    public static final int DEFAULT_HANDLER_THREADS = 64;

    private static final Logger log = LoggerFactory.getLogger(NotificationListener.class);
    private static final Duration STOP = Duration.ofSeconds(5);
    private static final Duration TELLING = Duration.ofSeconds(1);
    private static final Duration LONGEST_WAIT = Duration.ofDays(365);

    private final ListenerSettings settings;
    private final DataSource physical;
    private final ConnectionSource pool;
    private final Bell bell;
    private final Watchdog watchdog;
    private final Executor handlers;
    private final @Nullable ExecutorService ownHandlers;
    private final Poller poller;
    private final SubscriptionManager subscriptions;
    private final EventQueries queries;
    private final JsonCodec json;
    private final Tail tail;
    private final List<Consumer<ListenerStatus>> watchers = new CopyOnWriteArrayList<>();
    private final Counters counters = new Counters();
    private final @Nullable Auditor auditor;
    private final ReentrantLock lifecycle = new ReentrantLock();
    private volatile @Nullable ListenerLoop loop;
    private @Nullable Thread thread;
    private volatile boolean closed;
    private volatile boolean undeliveredLogged;
    private final Duration closeTimeout;

    private NotificationListener(Builder builder) {
        TableName name = new TableName(builder.schema, builder.tableName);
        this.settings = new ListenerSettings(
                name.toString(),
                builder.notificationTimeout,
                builder.reconnectInterval,
                builder.maxReconnectAttempts,
                builder.notifyMode);
        this.physical = builder.physical;
        this.pool = builder.pool;
        this.json = builder.json;
        this.closeTimeout = builder.closeTimeout;
        this.bell = new Bell(name);
        this.watchdog = new Watchdog("synckit-watchdog-" + name, builder.longestCall);
        this.ownHandlers =
                builder.handlers == null ? NamedThreads.atMost(DEFAULT_HANDLER_THREADS, "synckit-live-" + name) : null;
        this.handlers = builder.handlers == null ? Objects.requireNonNull(ownHandlers) : builder.handlers;
        this.queries = new EventQueries(name, builder.json, builder.enablePreparedStmts);
        this.subscriptions = new SubscriptionManager(
                handlers, this::page, builder.batchSize, builder.instrumentation, this::released);
        this.auditor = builder.auditDelay == null ? null : new Auditor(queries, builder.auditDelay);
        this.tail = new Tail(queries, builder.json, watchdog, subscriptions, auditor, builder.batchSize);
        this.poller = new Poller(settings.table(), pool, tail, counters, auditor);
    }

    /**
     * @param physical hands out connections that no pool takes back, to the database of the pool; with a login time-out, or it never
     *     gives up a server that does not answer
     * @param pool for subscriptions that lag, and for polls
     */
    public static Builder builder(DataSource physical, ConnectionSource pool, JsonCodec json) {
        return new Builder(physical, pool, json);
    }

    /** Begins to listen, in the background; {@link #status} tells how far it is. Does nothing if it has begun. */
    public void start() {
        lifecycle.lock();
        try {
            requireOpen("start");
            if (thread == null || !thread.isAlive()) {
                ListenerLoop started = new ListenerLoop(
                        settings, physical, pool, bell, tail, watchdog, poller, subscriptions, counters, this::changed);
                loop = started;
                thread = NamedThreads.single("synckit-listener-" + settings.table(), started);
                undeliveredLogged = false;
                tail.forgetHistoryChange();
                subscriptions.serve(true);
                thread.start();
            }
        } finally {
            lifecycle.unlock();
        }
    }

    /**
     * Ends listening and polling. No handler is called for a further event; handlers that run are not interrupted ({@link
     * #stopGracefully} waits for them). Subscriptions stay, and catch up when the listener is started again.
     */
    public void stop() {
        lifecycle.lock();
        try {
            ListenerLoop stopping = loop;
            Thread ending = thread;
            if (stopping == null || ending == null) {
                return;
            }
            subscriptions.serve(false);
            stopping.stop();
            if (ending == Thread.currentThread()) {
                return; // by a watcher: it ends when that returns
            }
            ending.join(STOP.toMillis());
            if (ending.isAlive()) {
                log.warn(
                        "listener.slow-stop: the listener of {} still waits for the database; it ends when that answers or fails",
                        settings.table());
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } finally {
            tail.suspect();
            thread = null;
            lifecycle.unlock();
        }
    }

    /**
     * Stops, and returns a future that completes when no handler runs any more. If a handler calls this method, the future does not wait
     * for that handler. If events were not delivered, one log line says how many, and from which position each subscription can resume.
     */
    public CompletableFuture<Void> stopGracefully() {
        subscriptions.exempt(Subscriber.current());
        stop();
        CompletableFuture<Void> stopped = new CompletableFuture<>();
        NamedThreads.single("synckit-stop-" + settings.table(), () -> {
                    subscriptions.awaitIdle(LONGEST_WAIT);
                    logUndelivered();
                    stopped.complete(null);
                })
                .start();
        return stopped;
    }

    /**
     * Ends the listener and all its subscriptions. Waits for running handlers, at most for the {@link Builder#closeTimeout}. If a handler
     * calls this method, it does not wait for that handler. Closing again does nothing.
     */
    @Override
    public void close() {
        if (closed) {
            return;
        }
        closed = true;
        boolean byHandler = Subscriber.current() != null;
        subscriptions.exempt(Subscriber.current());
        stop();
        if (!subscriptions.awaitIdle(closeTimeout) && !closeTimeout.isZero()) {
            log.warn(
                    "listener.slow-handlers: handlers still run after {}; their subscriptions end when they return",
                    closeTimeout);
        }
        logUndelivered();
        subscriptions.close();
        if (ownHandlers != null) {
            ownHandlers.shutdown();
            awaitEnd(ownHandlers, byHandler);
        }
        poller.close();
        watchdog.close();
    }

    /** Waits briefly until subscribers have received the end. */
    private static void awaitEnd(ExecutorService handlers, boolean byHandler) {
        try {
            if (!byHandler) {
                handlers.awaitTermination(TELLING.toMillis(), TimeUnit.MILLISECONDS);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void logUndelivered() {
        if (!undeliveredLogged) {
            undeliveredLogged = true;
            subscriptions.undelivered().ifPresent(text -> log.warn("listener.undelivered: {}: {}", settings, text));
        }
    }

    /** Returns whether a handler runs, also after {@link #stop}. */
    public boolean isBusy() {
        return subscriptions.isBusy();
    }

    /** Whether the connection that listens is there. */
    public boolean isConnected() {
        return status().state() == State.LISTENING;
    }

    public ListenerStatus status() {
        ListenerLoop current = loop;
        return current == null
                ? new ListenerStatus(State.STOPPED, Instant.EPOCH, 0, null, null, null, null)
                : current.status();
    }

    /** What it has done. */
    public ListenerCounts counts() {
        return counters.now();
    }

    /** How far its reader is; empty while there are no subscriptions, since then it reads nothing. */
    public Optional<TailStatus> tail() {
        return tail.isAwake()
                ? Optional.of(new TailStatus(Version.of(tail.position()), tail.readAt()))
                : Optional.empty();
    }

    /** The last change of the history that the reader has found since the start; empty if there was none. */
    public Optional<HistoryChange> historyChange() {
        return Optional.ofNullable(tail.historyChange());
    }

    /** What the auditor has found; empty if there is none. */
    public Optional<AuditReport> audit() {
        return Optional.ofNullable(auditor).map(Auditor::report);
    }

    /** Calls the watcher at every change of state, on the listener's thread, until the returned handle is closed. */
    public AutoCloseable watch(Consumer<ListenerStatus> watcher) {
        watchers.add(Objects.requireNonNull(watcher, "the watcher is null"));
        return () -> watchers.remove(watcher);
    }

    private void changed(ListenerStatus status) {
        for (Consumer<ListenerStatus> watcher : watchers) {
            try {
                watcher.accept(status);
            } catch (Throwable e) {
                log.warn("listener.watcher-failed", e);
            }
        }
    }

    /** The channels with a subscription, as go-sync-kit names them. The database knows one, however many there are. */
    public List<String> getActiveChannels() {
        return subscriptions.getChannels();
    }

    /** The live subscriptions. */
    public SubscriptionManager subscriptions() {
        return subscriptions;
    }

    /** Tells of every event from now on. */
    public LiveSubscription subscribeToAll(NotificationHandler handler) {
        return subscribe(LiveOptions.all(), payloads(handler));
    }

    /** Tells of every event of a type from now on. */
    public LiveSubscription subscribeToEventType(String eventType, NotificationHandler handler) {
        return subscribe(LiveOptions.eventType(eventType), payloads(handler));
    }

    /** Tells of every event of an aggregate from now on. */
    public LiveSubscription subscribeToStream(String aggregateId, NotificationHandler handler) {
        return subscribe(LiveOptions.stream(aggregateId), payloads(handler));
    }

    private static StoredEventHandler payloads(NotificationHandler handler) {
        Objects.requireNonNull(handler, "the handler is null");
        return event -> handler.handle(NotificationPayload.of(event));
    }

    /** Closes the subscriptions to all events and to types. */
    public void unsubscribeFromAll() {
        subscriptions.unsubscribe(Channels.ALL);
    }

    /** Closes the subscriptions to an aggregate. */
    public void unsubscribeFromStream(String aggregateId) {
        subscriptions.unsubscribe(Channels.ofStream(aggregateId));
    }

    /**
     * Calls the handler for every event, on a thread that is not the caller's.
     *
     * @throws InvalidVersionException if it is to begin after a version that was not given out
     * @throws io.synckit.InvalidConnectionException if the database cannot be asked where the log ends
     * @throws StoreClosedException after {@link #close}
     */
    public LiveSubscription subscribe(LiveOptions options, StoredEventHandler handler) {
        Objects.requireNonNull(options, "the options are null");
        Objects.requireNonNull(handler, "the handler is null");
        Subscriber subscription = subscribe(options, new HandlerSink(handler, notices(options)));
        subscriptions.open(subscription, Long.MAX_VALUE);
        return subscription;
    }

    /**
     * Returns a publisher for Reactive Streams. Each subscriber gets a subscription of its own, and no more events than it requests.
     * The database is asked on a thread of the handlers, so {@code subscribe} returns at once, and the subscription starts with {@code
     * onSubscribe}. What {@link #subscribe(LiveOptions, StoredEventHandler)} throws goes to {@code onError}. The subscriber is completed
     * when the listener is closed.
     */
    public Flow.Publisher<StoredEvent> publisher(LiveOptions options) {
        Objects.requireNonNull(options, "the options are null");
        return subscriber -> {
            FlowSink sink = new FlowSink(subscriber, notices(options));
            try {
                handlers.execute(() -> subscribe(options, sink));
            } catch (RejectedExecutionException e) {
                sink.refuse(closed ? new StoreClosedException("subscribe") : e);
            }
        };
    }

    private void subscribe(LiveOptions options, FlowSink sink) {
        Subscriber subscription;
        try {
            subscription = subscribe(options, (Subscriber.Sink) sink);
        } catch (RuntimeException e) {
            sink.refuse(e);
            return;
        }
        try {
            sink.start(subscriptions, subscription);
        } catch (RuntimeException | Error e) {
            log.warn(
                    "subscription.subscriber-failed: {}: onSubscribe has thrown, so the subscription has ended",
                    options,
                    e);
        }
    }

    /** Who has asked is told; for others it is logged. */
    private static Consumer<LiveNotice> notices(LiveOptions options) {
        Consumer<LiveNotice> asked = options.onNotice();
        if (asked != null) {
            return asked;
        }
        return notice -> {
            if (notice instanceof LiveNotice.Reconnected) {
                log.info("subscription.reconnected: {}: {}", options, notice);
            } else {
                log.warn("subscription.disturbed: {}: {}", options, notice);
            }
        };
    }

    /** Adds it; it is told nothing before it is opened. */
    private Subscriber subscribe(LiveOptions options, Subscriber.Sink sink) {
        requireOpen("subscribe");
        if (!tail.retain()) {
            ask(session -> {
                tail.retain(session.connection());
                return true;
            });
            lookSoon();
        }
        try {
            Start start = start(options.from());
            Subscriber subscriber = new Subscriber(subscriptions, options, sink, start.after, start.known);
            subscriptions.add(subscriber);
            return subscriber;
        } catch (RuntimeException e) {
            tail.release();
            throw e;
        }
    }

    /** The tail reads on meanwhile, so what it has read is decided. */
    private Start start(@Nullable Version from) {
        long position = tail.position();
        if (from != null && from.value() <= position) {
            return new Start(from.value(), position);
        }
        Horizon horizon = ask(session -> tail.horizon(session.connection()));
        if (from == null) {
            return new Start(horizon.stable(), horizon.stable());
        }
        if (from.value() > horizon.head()) {
            throw InvalidVersionException.beyondEnd(from, Version.of(horizon.head()));
        }
        return new Start(from.value(), horizon.stable());
    }

    /**
     * Where a subscription starts.
     *
     * @param after it is told of events after this version
     * @param known the last version that is there already
     */
    private record Start(long after, long known) {}

    private void released() {
        tail.release();
    }

    private EventQueries.Page page(long since, long upTo, Filter[] filters, int limit) {
        return ask(session -> {
            session.begin();
            return watchdog.watch(
                    session.connection(),
                    () -> queries.page(session.connection(), since, upTo, EventFilter.of(filters, json), limit));
        });
    }

    private <R> R ask(SqlFunction<Session, R> question) {
        try (Session session = Session.open(pool)) {
            return question.apply(session);
        } catch (SQLException e) {
            throw SqlFailure.named("subscription to " + settings.table(), e);
        }
    }

    /**
     * To be called before events are stored; what it returns, after their commit. Should nobody have rung for them by then, this
     * listener does.
     */
    public Runnable storing() {
        long begun = System.nanoTime();
        return () -> {
            ListenerLoop current = loop;
            if (current != null) {
                current.committed(begun);
            }
        };
    }

    private void lookSoon() {
        ListenerLoop current = loop;
        if (current != null) {
            current.lookSoon();
        }
    }

    private void requireOpen(String operation) {
        if (closed) {
            throw new StoreClosedException(operation);
        }
    }

    /** Starts from go-sync-kit's defaults. */
    public static final class Builder {

        private static final Duration SHORTEST = Duration.ofMillis(1);
        private static final Duration LONGEST = Duration.ofDays(365);

        private final DataSource physical;
        private final ConnectionSource pool;
        private final JsonCodec json;
        private String schema = "synckit";
        private String tableName = "events";
        private Duration notificationTimeout = DEFAULT_NOTIFICATION_TIMEOUT;
        private Duration reconnectInterval = DEFAULT_RECONNECT_INTERVAL;
        private int maxReconnectAttempts = DEFAULT_MAX_RECONNECT_ATTEMPTS;
        private @Nullable NotifyMode notifyMode;
        private int batchSize = 1000;
        private boolean enablePreparedStmts = true;
        private Duration longestCall = Duration.ofSeconds(10);
        private @Nullable Executor handlers;
        private Instrumentation instrumentation = Instrumentation.NONE;
        private @Nullable Duration auditDelay = DEFAULT_AUDIT_DELAY;
        private Duration closeTimeout = DEFAULT_CLOSE_TIMEOUT;

        private Builder(DataSource physical, ConnectionSource pool, JsonCodec json) {
            this.physical = physical;
            this.pool = pool;
            this.json = json;
        }

        /** The events table. */
        public Builder table(String schema, String tableName) {
            this.schema = schema;
            this.tableName = tableName;
            return this;
        }

        /** The longest time between two looks at the table without a notification. */
        public Builder withNotificationTimeout(Duration timeout) {
            this.notificationTimeout = positive("notificationTimeout", timeout);
            return this;
        }

        /**
         * @param interval the first pause between attempts to connect; each further one is twice as long, up to a minute
         * @param maxAttempts attempts after which the listener has failed and only polls, until a poll succeeds
         */
        public Builder withReconnectSettings(Duration interval, int maxAttempts) {
            this.reconnectInterval = positive("reconnectInterval", interval);
            if (maxAttempts < 1) {
                throw new InvalidConfigException(
                        "maxReconnectAttempts", "is " + maxAttempts + ", at least 1 is needed");
            }
            this.maxReconnectAttempts = maxAttempts;
            return this;
        }

        /** What the table's triggers do, if it is known: with OFF it polls and does not connect. Without this it finds out. */
        public Builder notifyMode(@Nullable NotifyMode mode) {
            this.notifyMode = mode;
            return this;
        }

        /** Events that are read at once. */
        public Builder batchSize(int events) {
            if (events < 1) {
                throw new InvalidConfigException("batchSize", "is " + events + ", at least 1 is needed");
            }
            this.batchSize = events;
            return this;
        }

        /** Whether the driver keeps server-side prepared statements. */
        public Builder enablePreparedStmts(boolean enable) {
            this.enablePreparedStmts = enable;
            return this;
        }

        /** A call to the database that takes longer is taken for one on a dead connection, which is then given up. */
        public Builder longestCall(Duration limit) {
            this.longestCall = positive("longestCall", limit);
            return this;
        }

        /** Where handlers run; it is not closed here. Without this, up to {@link #DEFAULT_HANDLER_THREADS} threads. */
        public Builder handlers(Executor executor) {
            this.handlers = executor;
            return this;
        }

        /** Goes around every call of a handler. */
        public Builder instrumentation(Instrumentation instrumentation) {
            this.instrumentation = instrumentation;
            return this;
        }

        /** How long after events were handed to subscriptions they are compared with the table; null: never. */
        public Builder auditDelay(@Nullable Duration delay) {
            this.auditDelay = delay == null ? null : positive("auditDelay", delay);
            return this;
        }

        /** Sets how long {@link NotificationListener#close} waits for running handlers. Zero means that it does not wait. */
        public Builder closeTimeout(Duration limit) {
            this.closeTimeout = limit.isZero() ? limit : positive("closeTimeout", limit);
            return this;
        }

        private static Duration positive(String what, Duration value) {
            if (value.compareTo(SHORTEST) < 0) {
                throw new InvalidConfigException(what, "is " + value + ", at least 1 ms is needed");
            }
            return value.compareTo(LONGEST) > 0 ? LONGEST : value;
        }

        public NotificationListener build() {
            return new NotificationListener(this);
        }
    }
}
