package io.synckit.postgres.internal.durable;

import io.synckit.Instrumentation;
import io.synckit.InvalidConfigException;
import io.synckit.JsonCodec;
import io.synckit.StoreClosedException;
import io.synckit.StoredEvent;
import io.synckit.postgres.internal.durable.HandlerCalls.Handler;
import io.synckit.postgres.internal.listen.HistoryChange;
import io.synckit.postgres.internal.listen.ListenerTenant;
import io.synckit.postgres.internal.listen.LogReader;
import io.synckit.postgres.internal.live.PageReader;
import io.synckit.postgres.internal.live.PublicationWatcher;
import io.synckit.postgres.internal.live.SubscriptionFilter;
import io.synckit.postgres.internal.live.Subscriptions;
import io.synckit.postgres.internal.runtime.Clock;
import io.synckit.subscription.DurableBatchHandler;
import io.synckit.subscription.DurableEventHandler;
import io.synckit.subscription.DurableOptions;
import io.synckit.subscription.DurableStatus;
import io.synckit.subscription.DurableSubscription;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Executor;
import java.util.function.Consumer;

/** The durable subscriptions of a process. Thread-safe. */
public final class DurableSubscriptions implements PublicationWatcher, Signals.Receiver {

    private static final long BUSY_SILENCE = Duration.ofSeconds(3).toNanos();

    private final Database database;
    private final SubscriptionRows rows;
    private final Subscriptions live;
    private final PageReader pages;
    private final LogReader reader;
    private final Runnable readSoon;
    private final JsonCodec json;
    private final Instrumentation instrumentation;
    private final Duration closeTimeout;
    private final Duration stopTimeout;
    private final Clock clock;
    private final DurableRegistry registry = new DurableRegistry();
    private final Coordinator coordinator;
    private final Membership membership;
    private final DurableLifecycle lifecycle;
    private final List<Consumer<DurableSubscription>> watchers = new CopyOnWriteArrayList<>();
    private volatile boolean closed;

    /**
     * @param handlers runs handlers
     * @param readSoon wakes the reader after its first subscription
     * @param processName names this process for people
     * @param closeTimeout how long {@link #close} waits for handler calls
     * @param stopTimeout how long closing or pausing one subscription waits for handler calls
     * @param ownerTimeout time after which a process counts as dead if the server receives nothing from it
     */
    public DurableSubscriptions(
            Database database,
            Subscriptions live,
            PageReader pages,
            LogReader reader,
            Executor handlers,
            Runnable readSoon,
            JsonCodec json,
            Instrumentation instrumentation,
            String processName,
            Duration ownerTimeout,
            Duration closeTimeout,
            Duration stopTimeout,
            Clock clock) {
        this.database = database;
        this.rows = new SubscriptionRows(database);
        this.live = live;
        this.pages = pages;
        this.reader = reader;
        this.readSoon = readSoon;
        this.json = json;
        this.instrumentation = instrumentation;
        this.closeTimeout = closeTimeout;
        this.stopTimeout = stopTimeout;
        this.clock = clock;
        this.coordinator = new Coordinator(
                database,
                registry,
                handlers,
                ownerTimeout,
                live::published,
                server -> live.published(server).isPresent(),
                clock);
        this.membership = new Membership(
                database.instances,
                database.control,
                processName,
                ownerTimeout,
                clock,
                registry::names,
                signal -> Signals.dispatch(signal, this),
                coordinator::anchored);
        this.lifecycle = new DurableLifecycle(coordinator, membership, registry, clock);
        live.watch(this);
    }

    /** Returns what uses the connection that listens. */
    public ListenerTenant tenant() {
        return membership;
    }

    /** See {@link io.synckit.subscription.EventSubscriptions#durable(DurableOptions, DurableEventHandler)}. */
    public DurableSubscription add(DurableOptions options, DurableEventHandler handler) {
        return add(options, Handler.of(handler));
    }

    /** See {@link io.synckit.subscription.EventSubscriptions#durableBatches}. */
    public DurableSubscription addBatches(DurableOptions options, DurableBatchHandler handler) {
        return add(options, Handler.ofBatches(handler));
    }

    private DurableSubscription add(DurableOptions options, Handler handler) {
        rows.requireValid(options);
        if (closed) {
            throw new StoreClosedException("subscribe");
        }
        SubscriptionFilter filter = new SubscriptionFilter(options.filters(), json);
        DurableLog log = new DurableLog(options, filter, live, pages);
        DurableSubscriber subscriber = new DurableSubscriber(
                options, handler, log, database, coordinator, instrumentation, stopTimeout, clock, this::close);
        if (registry.find(options.name()) != null || !registry.add(subscriber)) {
            throw new InvalidConfigException(
                    "subscription",
                    "is '" + options.name()
                            + "', which runs in this process already; give each durable subscription a name of its own");
        }
        boolean added = false;
        try {
            rows.create(options);
            startReader();
            added = true;
        } finally {
            if (!added) {
                registry.remove(subscriber);
            }
        }
        lifecycle.subscriptionsChanged();
        watchers.forEach(watcher -> watcher.accept(subscriber));
        return subscriber;
    }

    private void startReader() {
        if (!reader.add()) {
            database.query(connection -> {
                reader.addFirst(connection);
                return true;
            });
            readSoon.run();
            // A partition may have been claimed before, and have handled all that the reader had published then.
            coordinator.catchUpLater();
        }
    }

    private void close(DurableSubscriber subscriber) {
        if (!registry.remove(subscriber)) {
            return;
        }
        coordinator.release(subscriber.name(), stopTimeout);
        reader.remove();
        if (!closed) {
            lifecycle.subscriptionsChanged();
        }
    }

    /** Serves the subscriptions from now on, or after the end of a stop. Without subscriptions it does nothing. */
    public void start() {
        lifecycle.start();
    }

    /** Returns whether it serves subscriptions. */
    public boolean isServing() {
        return coordinator.isServing();
    }

    /**
     * Gives all partitions to other processes, after the running handler calls. They are served again after the next start. If
     * another stop runs, this one waits for its end.
     *
     * @param limit how long it waits for handler calls
     */
    public void stop(Duration limit) {
        beginStop(limit).run();
    }

    /** Decides to stop. The returned action stops. See {@link #stop}. */
    public Runnable beginStop(Duration limit) {
        return lifecycle.beginStop(limit);
    }

    /** If a handler on the calling thread stops this process, the stop does not wait for it. */
    public void exemptCaller() {
        coordinator.exemptCaller();
    }

    /** Ends all subscriptions. */
    public void close() {
        closed = true;
        stop(closeTimeout);
        coordinator.close();
        for (DurableSubscriber subscriber : registry.all()) {
            if (registry.remove(subscriber)) {
                reader.remove();
            }
        }
    }

    /** Returns all durable subscriptions of the table, those of other processes included. Sends a query. */
    public List<DurableStatus.Summary> summaries() {
        return database.query(database.admin::summaries);
    }

    /** Calls the watcher with each subscription of this process, those that are started later included. */
    public void watch(Consumer<DurableSubscription> watcher) {
        watchers.add(watcher);
        registry.all().forEach(watcher);
    }

    /** Returns the subscriptions. */
    public List<DurableSubscription> all() {
        return List.copyOf(registry.all());
    }

    // Called by the reader.

    @Override
    public void published(List<StoredEvent> events) {
        if (registry.isEmpty()) {
            return;
        }
        boolean all = true;
        for (DurableSubscriber subscriber : registry.all()) {
            all &= subscriber.wake(events);
        }
        if (!all) {
            coordinator.catchUpLater();
        }
        if (!events.isEmpty()) {
            coordinator.checkOwnersLater();
        }
    }

    @Override
    public void serverChanged(long serverStart) {
        coordinator.serverChanged(serverStart);
        registry.all().forEach(DurableSubscriber::discardRead);
    }

    @Override
    public void historyChanged(HistoryChange change) {
        coordinator.historyChanged(change);
        registry.all().forEach(DurableSubscriber::discardRead);
    }

    // Signals of other processes.

    @Override
    public void ownersChanged() {
        coordinator.requestCheck(0);
    }

    @Override
    public void busy() {
        coordinator.requestCheck(BUSY_SILENCE);
    }

    @Override
    public void command(String subscription) {
        coordinator.requestCheck(0); // the command may have made a key due
        coordinator.runs(subscription).forEach(PartitionRun::commanded);
    }

    @Override
    public void waits(String subscription, long version) {
        DurableSubscriber subscriber = registry.find(subscription);
        if (subscriber != null) {
            subscriber.awaited(version);
        }
    }

    @Override
    public void reached(String subscription) {
        DurableSubscriber subscriber = registry.find(subscription);
        if (subscriber != null) {
            subscriber.answered();
        }
    }
}
