package io.synckit.postgres.internal.live;

import io.synckit.StoreClosedException;
import io.synckit.StoredEvent;
import io.synckit.postgres.internal.listen.HistoryChange;
import io.synckit.postgres.internal.listen.LiveFeed;
import io.synckit.postgres.internal.listen.RecentEvents;
import io.synckit.subscription.LiveNotice;
import io.synckit.subscription.LiveSubscription;
import io.synckit.subscription.LiveSubscription.Lag;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Predicate;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** The live subscriptions of a process and the recent events, guarded by one lock. Thread-safe. */
public final class Subscriptions implements LiveFeed {

    /** Subscriptions that a log message names. */
    private static final int MAX_NAMED = 20;

    private final HandlerRuns runs;
    private final Runnable onRemoved;
    private final ReentrantLock lock = new ReentrantLock();
    private final RecentEvents recent = new RecentEvents();
    private final SubscriptionIndex index = new SubscriptionIndex();
    private final List<PublicationWatcher> watchers = new CopyOnWriteArrayList<>();
    private long droppedByEnded;

    /** @param onRemoved called after a subscription has ended, without the lock */
    public Subscriptions(HandlerRuns runs, Runnable onRemoved) {
        this.runs = runs;
        this.onRemoved = onRemoved;
    }

    /** Adds a watcher of what the reader publishes. */
    public void watch(PublicationWatcher watcher) {
        watchers.add(watcher);
    }

    // Called by the reader.

    @Override
    public void startAfter(long version, long serverStart) {
        run(() -> recent.clear(version, serverStart));
    }

    @Override
    public void serverChanged(long serverStart) {
        run(() -> recent.serverChanged(serverStart));
        watchers.forEach(watcher -> watcher.serverChanged(serverStart));
    }

    @Override
    public void publish(List<StoredEvent> events, long upTo, boolean backlog) {
        run(() -> {
            long before = recent.upTo();
            recent.add(events, upTo);
            index.offer(
                    events,
                    (subscriber, count) ->
                            runIf(subscriber.cursor().offered(before, upTo, count, backlog), subscriber));
        });
        watchers.forEach(watcher -> watcher.published(events));
    }

    @Override
    public void notice(LiveNotice notice) {
        run(() -> List.copyOf(index.all())
                .forEach(subscriber -> runIf(subscriber.cursor().notice(notice, recent.upTo()), subscriber)));
    }

    @Override
    public void historyChanged(HistoryChange change) {
        run(() -> {
            // No server: durable subscriptions read nothing until they know of the change.
            recent.clear(change.upTo(), 0);
            for (LiveSubscriber subscriber : List.copyOf(index.all())) {
                LiveCursor cursor = subscriber.cursor();
                boolean mustRun = cursor.next() > change.safe()
                        ? cursor.fail(change.failure())
                        : cursor.rewind(change.safe(), change.upTo());
                runIf(mustRun, subscriber);
            }
        });
        try {
            watchers.forEach(watcher -> watcher.historyChanged(change));
        } finally {
            run(() -> recent.serverChanged(change.serverStart()));
        }
    }

    @Override
    public RecentEvents recent() {
        return recent;
    }

    // Called by the subscribers.

    <R extends @Nullable Object> R locked(Supplier<R> work) {
        lock.lock();
        try {
            return work.get();
        } finally {
            lock.unlock();
        }
    }

    void run(Runnable work) {
        lock.lock();
        try {
            work.run();
        } finally {
            lock.unlock();
        }
    }

    private void runIf(boolean mustRun, LiveSubscriber subscriber) {
        if (mustRun) {
            runs.schedule(subscriber);
        }
    }

    /** Returns the version up to which events are published. */
    public long published() {
        return locked(recent::upTo);
    }

    /** Returns the version up to which events of a server are published; empty if they are read from another one. */
    public OptionalLong published(long serverStart) {
        return locked(
                () -> recent.serverStart() == serverStart ? OptionalLong.of(recent.upTo()) : OptionalLong.empty());
    }

    /** Returns the first wanted events of a server after a version; empty if not all of them are among the recent events. */
    public Optional<RecentEvents.Slice> recentAfter(
            long version, long serverStart, Predicate<StoredEvent> wanted, long most) {
        return locked(() -> recent.hasAllAfter(version, serverStart)
                ? Optional.of(recent.slice(version, wanted, most))
                : Optional.empty());
    }

    /** @throws StoreClosedException if the subscriptions are closed */
    void add(LiveSubscriber subscriber) {
        run(() -> {
            if (!runs.isAccepting()) {
                throw new StoreClosedException("subscribe");
            }
            index.add(subscriber);
            subscriber.cursor().catchUp(recent.upTo());
        });
    }

    void open(LiveSubscriber subscriber, long demand) {
        run(() -> runIf(subscriber.cursor().open(demand, recent.upTo()), subscriber));
    }

    void request(LiveSubscriber subscriber, long demand) {
        run(() -> runIf(subscriber.cursor().request(demand), subscriber));
    }

    void fail(LiveSubscriber subscriber, RuntimeException failure) {
        run(() -> runIf(subscriber.cursor().fail(failure), subscriber));
    }

    /** Returns whether it was active. */
    boolean remove(LiveSubscriber subscriber) {
        boolean removed = locked(() -> {
            if (!subscriber.cursor().deactivate()) {
                return false;
            }
            index.remove(subscriber);
            droppedByEnded += subscriber.cursor().dropped();
            return true;
        });
        if (removed) {
            onRemoved.run();
        }
        return removed;
    }

    // Called by the listener and for monitoring.

    /** Starts or stops delivery. Subscriptions stay, and catch up after the next start. */
    public void serve(boolean serve) {
        run(() -> {
            if (serve) {
                index.all().forEach(subscriber -> subscriber.cursor().catchUp(recent.upTo()));
            }
            runs.serve(serve);
        });
    }

    /** Ends all subscriptions. */
    public void close() {
        run(() -> {
            runs.close();
            List.copyOf(index.all())
                    .forEach(subscriber -> runIf(subscriber.cursor().complete(), subscriber));
        });
    }

    /** Returns the active subscriptions. */
    public List<LiveSubscription> active() {
        return locked(() -> List.copyOf(index.all()));
    }

    /** Returns the number of active subscriptions. */
    public int size() {
        return locked(() -> index.all().size());
    }

    /** Returns how many events were dropped because subscribers were slow, those of ended subscriptions included. */
    public long dropped() {
        return locked(() -> droppedByEnded
                + index.all().stream()
                        .mapToLong(subscriber -> subscriber.cursor().dropped())
                        .sum());
    }

    /** Returns the lag of the subscription that is furthest behind. */
    public Lag lag() {
        return locked(() -> index.all().stream()
                .map(subscriber -> subscriber.cursor().lag(recent.upTo()))
                .max(Comparator.naturalOrder())
                .orElse(Lag.NONE));
    }

    /** Describes the events that were read and not handled; empty if there are none. */
    public Optional<String> undelivered() {
        return locked(() -> {
            long all = 0;
            List<String> positions = new ArrayList<>();
            for (LiveSubscriber subscriber : index.all()) {
                long events = subscriber.cursor().undelivered(recent);
                if (events > 0) {
                    all += events;
                    positions.add("'" + subscriber.name() + "' after version "
                            + subscriber.cursor().handled().version() + " (" + events + ")");
                }
            }
            if (all == 0) {
                return Optional.empty();
            }
            String more = positions.size() > MAX_NAMED ? ", and " + (positions.size() - MAX_NAMED) + " more" : "";
            return Optional.of(all + " events were not delivered; subscriptions can resume: "
                    + String.join(", ", positions.subList(0, Math.min(MAX_NAMED, positions.size()))) + more);
        });
    }
}
