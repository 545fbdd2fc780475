package io.synckit.postgres.notification;

import io.synckit.Filter;
import io.synckit.Instrumentation;
import io.synckit.StoreClosedException;
import io.synckit.StoredEvent;
import io.synckit.postgres.internal.jdbc.EventQueries;
import io.synckit.postgres.internal.runtime.NamedThreads;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The live subscriptions of a process, and the recent events that they are served from. An event is handed to those that want it, and
 * costs the others nothing.
 */
public final class SubscriptionManager {

    private static final int RETRY_SECONDS = 1;

    /** Who lags leaves the pool to the application. */
    private static final int MOST_READING = 2;

    /** Subscriptions that a log line names. */
    private static final int MOST_NAMED = 20;

    private final Executor handlers;
    private final Pages pages;
    private final int pageSize;
    private final Instrumentation instrumentation;
    private final Runnable onRemoved;
    private final Semaphore reading = new Semaphore(MOST_READING, true);
    private final ReentrantLock lock = new ReentrantLock();
    private final RecentEvents recent = new RecentEvents();
    private final Set<Subscriber> ofAll = new LinkedHashSet<>();
    private final Map<String, Set<Subscriber>> byType = new HashMap<>();
    private final Map<String, Set<Subscriber>> byStream = new HashMap<>();
    private final List<Subscriber> waiting = new ArrayList<>();
    private final Condition ended = lock.newCondition();

    /** How many threads work for a subscription: its next run may begin before the last one has ended. */
    private final Map<Subscriber, Integer> running = new HashMap<>();

    /** Those whose handlers wait for the others. */
    private final Set<Subscriber> waitingForOthers = new HashSet<>();

    private volatile boolean serving;
    private volatile boolean closed;
    private int count;
    private long dropped;

    /** Reads events of the table that are decided, for those who lag. */
    interface Pages {
        EventQueries.Page read(long since, long upTo, Filter[] filters, int limit);
    }

    /**
     * @param instrumentation goes around every call of a handler
     * @param onRemoved called when a subscription has ended, without the lock
     */
    SubscriptionManager(
            Executor handlers, Pages pages, int pageSize, Instrumentation instrumentation, Runnable onRemoved) {
        this.handlers = handlers;
        this.pages = pages;
        this.pageSize = pageSize;
        this.instrumentation = instrumentation;
        this.onRemoved = onRemoved;
    }

    /** The channels with a subscription, sorted: {@code events_global} for all events and for types, {@code stream_<aggregate id>}. */
    public List<String> getChannels() {
        return locked(() -> {
            Set<String> channels = new TreeSet<>();
            if (!ofAll.isEmpty() || !byType.isEmpty()) {
                channels.add(Channels.ALL);
            }
            byStream.keySet().forEach(aggregateId -> channels.add(Channels.ofStream(aggregateId)));
            return List.copyOf(channels);
        });
    }

    /** The subscriptions that are active. */
    public List<LiveSubscription> active() {
        return locked(() -> new ArrayList<>(subscribers()));
    }

    /** Closes all subscriptions of a channel. */
    public void unsubscribe(String channel) {
        List<LiveSubscription> ofChannel = active().stream()
                .filter(subscription -> subscription.channel().equals(channel))
                .toList();
        ofChannel.forEach(LiveSubscription::close);
    }

    /** How many there are. */
    public int size() {
        return locked(() -> count);
    }

    /** How many events were not delivered since subscribers were slow, those of subscriptions that have ended included. */
    public long dropped() {
        return locked(() -> dropped);
    }

    /** That of the subscription that is furthest behind. */
    public LiveSubscription.Lag lag() {
        return locked(() -> subscribers().stream()
                .map(Subscriber::lagNow)
                .max(Comparator.naturalOrder())
                .orElse(LiveSubscription.Lag.NONE));
    }

    private List<Subscriber> subscribers() {
        List<Subscriber> all = new ArrayList<>(ofAll);
        byType.values().forEach(all::addAll);
        byStream.values().forEach(all::addAll);
        return all;
    }

    // For the tail.

    /** Forgets the recent events; what is published next comes after this version. */
    void startAfter(long position) {
        run(() -> recent.clear(position));
    }

    /**
     * All events from the last publication up to a version.
     *
     * @param backlog whether this is a part of much that has come at once
     */
    void publish(List<StoredEvent> events, long upTo, boolean backlog) {
        run(() -> {
            long before = recent.upTo();
            recent.add(events, upTo);
            if (!events.isEmpty()) {
                offer(ofAll, before, events.size(), backlog);
            }
            counts(events, byType, StoredEvent::type)
                    .forEach((type, number) -> offer(byType.get(type), before, number, backlog));
            counts(events, byStream, StoredEvent::aggregateId)
                    .forEach((aggregateId, number) -> offer(byStream.get(aggregateId), before, number, backlog));
        });
    }

    private static Map<String, Integer> counts(
            List<StoredEvent> events, Map<String, Set<Subscriber>> wanted, Function<StoredEvent, String> key) {
        Map<String, Integer> counts = new HashMap<>();
        if (!wanted.isEmpty()) {
            events.stream().map(key).filter(wanted::containsKey).forEach(found -> counts.merge(found, 1, Integer::sum));
        }
        return counts;
    }

    private static void offer(@Nullable Collection<Subscriber> subscribers, long before, int count, boolean backlog) {
        if (subscribers != null) {
            for (Subscriber subscriber : subscribers) {
                subscriber.offered(before, count, backlog);
            }
        }
    }

    void tell(LiveNotice notice) {
        run(() -> subscribers().forEach(subscriber -> subscriber.interrupted(notice)));
    }

    /**
     * The log is another one.
     *
     * @param safe the last version that is still the same: who has gone further is ended, the others read on from there
     * @param upTo where the new log ends
     */
    void historyChanged(long safe, long upTo, RuntimeException failure) {
        run(() -> {
            recent.clear(upTo);
            for (Subscriber subscriber : subscribers()) {
                if (subscriber.next() > safe) {
                    subscriber.fail(failure);
                } else {
                    subscriber.rewind(safe);
                }
            }
        });
    }

    /** Ends all, each in its turn. */
    void close() {
        run(() -> {
            closed = true;
            serve(true);
            subscribers().forEach(Subscriber::complete);
        });
    }

    // For the subscribers.

    <R extends @Nullable Object> R locked(Supplier<R> work) {
        lock.lock();
        try {
            return work.get();
        } finally {
            lock.unlock();
        }
    }

    private void run(Runnable work) {
        locked(() -> {
            work.run();
            return true;
        });
    }

    RecentEvents recent() {
        return recent;
    }

    long upTo() {
        return recent.upTo();
    }

    Instrumentation instrumentation() {
        return instrumentation;
    }

    /** With the lock held. */
    void dropped(long events) {
        dropped += events;
    }

    int pageSize() {
        return pageSize;
    }

    EventQueries.Page page(long since, long upTo, Filter[] filters, int limit) {
        reading.acquireUninterruptibly();
        try {
            return pages.read(since, upTo, filters, limit);
        } finally {
            reading.release();
        }
    }

    /** Returns whether the listener runs, or is delivering the end to its subscribers. */
    boolean isServing() {
        return serving;
    }

    /** Whether handlers may be called: neither stopped nor closed. */
    boolean mayDeliver() {
        return serving && !closed;
    }

    /** A thread begins to work for it. */
    void began(Subscriber subscriber) {
        run(() -> running.merge(subscriber, 1, Integer::sum));
    }

    /** The thread has ended its work. */
    void ended(Subscriber subscriber) {
        run(() -> {
            running.computeIfPresent(subscriber, (key, count) -> count == 1 ? null : count - 1);
            waitingForOthers.remove(subscriber);
            ended.signalAll();
        });
    }

    /** The handler of this subscription is going to wait for the others; they do not wait for it. */
    void exempt(@Nullable Subscriber subscriber) {
        if (subscriber != null) {
            run(() -> {
                waitingForOthers.add(subscriber);
                ended.signalAll();
            });
        }
    }

    /** Whether a thread works for a subscription. */
    boolean isBusy() {
        return locked(() -> !running.isEmpty());
    }

    /** Waits until no thread works for a subscription, except for those that wait themselves; false if it takes longer. */
    boolean awaitIdle(Duration limit) {
        return awaitEnd(() -> waitingForOthers.containsAll(running.keySet()), limit);
    }

    /** Waits until no thread works for the subscription; false if it takes longer. */
    boolean awaitEnd(Subscriber subscriber, Duration limit) {
        return awaitEnd(() -> !running.containsKey(subscriber), limit);
    }

    private boolean awaitEnd(BooleanSupplier over, Duration limit) {
        lock.lock();
        try {
            long left = limit.toNanos();
            while (!over.getAsBoolean()) {
                if (left <= 0) {
                    return false;
                }
                left = ended.awaitNanos(left);
            }
            return true;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        } finally {
            lock.unlock();
        }
    }

    /** What was read and not handled, in one line; empty if there is nothing. */
    Optional<String> undelivered() {
        return locked(() -> {
            long all = 0;
            List<String> positions = new ArrayList<>();
            for (Subscriber subscriber : subscribers()) {
                long events = subscriber.undelivered(recent);
                if (events > 0) {
                    all += events;
                    positions.add(
                            subscriber.options() + " after version " + subscriber.handled() + " (" + events + ")");
                }
            }
            if (all == 0) {
                return Optional.empty();
            }
            String more = positions.size() > MOST_NAMED ? ", and " + (positions.size() - MOST_NAMED) + " more" : "";
            return Optional.of(all + " events were not delivered; subscriptions can resume: "
                    + String.join(", ", positions.subList(0, Math.min(MOST_NAMED, positions.size()))) + more);
        });
    }

    /** Runs it, or when the listener is started. */
    void execute(Subscriber subscriber) {
        run(() -> {
            if (!serving) {
                waiting.add(subscriber);
                return;
            }
            try {
                handlers.execute(subscriber);
            } catch (RejectedExecutionException e) {
                if (closed) {
                    // The handlers' threads have ended, and the subscriber must still be told its end.
                    NamedThreads.single("synckit-end", subscriber).start();
                } else {
                    executeLater(subscriber);
                }
            }
        });
    }

    /** Whether subscribers get anything: from the start of the listener to its stop. */
    void serve(boolean whether) {
        run(() -> {
            serving = whether;
            if (serving) {
                subscribers().forEach(Subscriber::catchUp);
                List<Subscriber> released = List.copyOf(waiting);
                waiting.clear();
                released.forEach(this::execute);
            }
        });
    }

    void executeLater(Subscriber subscriber) {
        CompletableFuture.delayedExecutor(RETRY_SECONDS, TimeUnit.SECONDS, Runnable::run)
                .execute(() -> execute(subscriber));
    }

    /** @throws StoreClosedException if the listener was closed */
    void add(Subscriber subscriber) {
        run(() -> {
            if (closed) {
                throw new StoreClosedException("subscribe");
            }
            home(subscriber).add(subscriber);
            count++;
            subscriber.added();
        });
    }

    void open(Subscriber subscriber, long demand) {
        run(() -> subscriber.open(demand));
    }

    void more(Subscriber subscriber, long demand) {
        run(() -> subscriber.more(demand));
    }

    void fail(Subscriber subscriber, RuntimeException failure) {
        run(() -> subscriber.fail(failure));
    }

    /** Whether it was there. */
    boolean remove(Subscriber subscriber) {
        boolean removed = locked(() -> {
            if (!subscriber.deactivate()) {
                return false;
            }
            LiveOptions options = subscriber.options();
            Set<Subscriber> home = home(subscriber);
            if (home.remove(subscriber)) {
                count--;
            }
            if (home.isEmpty() && options.kind() != LiveOptions.Kind.ALL) {
                index(options.kind()).remove(options.key());
            }
            return true;
        });
        if (removed) {
            onRemoved.run();
        }
        return removed;
    }

    private Set<Subscriber> home(Subscriber subscriber) {
        LiveOptions options = subscriber.options();
        return options.kind() == LiveOptions.Kind.ALL
                ? ofAll
                : index(options.kind()).computeIfAbsent(options.key(), key -> new LinkedHashSet<>(2));
    }

    private Map<String, Set<Subscriber>> index(LiveOptions.Kind kind) {
        return kind == LiveOptions.Kind.EVENT_TYPE ? byType : byStream;
    }
}
