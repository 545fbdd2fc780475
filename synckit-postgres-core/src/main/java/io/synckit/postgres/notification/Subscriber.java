package io.synckit.postgres.notification;

import io.synckit.Causation;
import io.synckit.EventStoreException;
import io.synckit.HistoryChangedException;
import io.synckit.Instrumentation;
import io.synckit.SlowSubscriberException;
import io.synckit.StoredEvent;
import io.synckit.Version;
import io.synckit.postgres.internal.jdbc.EventQueries;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One subscription: a place in the log, and where its events go. It has no thread and no buffer of its own. When there is something for
 * it, it runs on the handlers' threads, one run at a time, and takes what comes next from the recent events, or from the table if it
 * is further behind.
 *
 * <p>What is not final is guarded by the subscriptions' lock, but for {@code handled}, {@code handledFrom} and {@code active},
 * which others may read.
 */
final class Subscriber implements LiveSubscription, Runnable {

    private static final Logger log = LoggerFactory.getLogger(Subscriber.class);

    private static final ThreadLocal<Subscriber> HANDLING = new ThreadLocal<>();

    private static final String KIND = "live";

    /** Events in one take, and in one run, after which others get their turn. */
    private static final int TAKE = 64;

    private static final int RUN = 256;

    private static final Duration LONGEST_CLOSE = Duration.ofSeconds(10);

    private final SubscriptionManager subscriptions;
    private final LiveOptions options;
    private final Sink sink;
    private final long replayed;
    private State state = State.NO_DEMAND;
    private long next;
    private long demand;
    private boolean live;
    private long waiting;
    private long dropped;
    private @Nullable List<LiveNotice> notices;
    private @Nullable RuntimeException failure;
    private boolean tooSlow;

    /** What was taken when the listener stopped, and comes first after its next start. */
    private List<StoredEvent> returned = List.of();

    private boolean completed;
    private boolean opened;
    private volatile long handled;

    /** Milliseconds of the clock: when the event was stored that was handled last, and when there was nothing left to do last. */
    private volatile long handledFrom;

    private long idleUntil;
    private volatile boolean active = true;

    private enum State {
        /** Nothing for it up to the end of the recent events: what it is woken with is all there is for it. */
        CAUGHT_UP,
        /** It may not be given more. */
        NO_DEMAND,
        /** Running, or about to. */
        BUSY
    }

    /** Where events go; called by one thread at a time. */
    interface Sink {
        /** @throws Exception ends the subscription if {@link #endsByException()} */
        void accept(StoredEvent event) throws Exception;

        void notice(LiveNotice notice);

        /** Called once, last, unless the subscription was closed by its subscriber; null if the listener was closed. */
        void end(@Nullable RuntimeException failure);

        boolean endsByException();
    }

    /** @param replayed up to which version everything was there already */
    Subscriber(SubscriptionManager subscriptions, LiveOptions options, Sink sink, long since, long replayed) {
        this.subscriptions = subscriptions;
        this.options = options;
        this.sink = sink;
        this.next = since;
        this.replayed = replayed;
        this.idleUntil = System.currentTimeMillis();
        this.handled = since;
    }

    LiveOptions options() {
        return options;
    }

    long next() {
        return next;
    }

    // The following are called with the lock held.

    /** Wanted events are about to be published; everything up to {@code before} was there already when it was caught up. */
    void offered(long before, int count, boolean backlog) {
        if (backlog) {
            // More than one page at once: who has to catch up with that is not slow.
            live = false;
            waiting = 0;
        } else if (live) {
            if (waiting >= options.buffer() && options.whenSlow() != SlowSubscriber.WAIT) {
                overflow(before);
            }
            waiting += count;
        }
        wake(before);
    }

    /** Its buffer was full before this publication. */
    private void overflow(long before) {
        if (options.whenSlow() == SlowSubscriber.CANCEL) {
            tooSlow = true;
            wake(next);
            return;
        }
        dropped += waiting;
        subscriptions.dropped(waiting);
        tell(dropped(before));
        next = Math.max(next, before);
        waiting = 0;
    }

    /** One gap, also if the subscriber has not yet heard of the part before. */
    private LiveNotice.Dropped dropped(long end) {
        if (notices != null
                && notices.get(notices.size() - 1) instanceof LiveNotice.Dropped before
                && before.upTo().value() == next) {
            notices.remove(before);
            return new LiveNotice.Dropped(before.after(), Version.of(end), before.events() + waiting);
        }
        return new LiveNotice.Dropped(Version.of(next), Version.of(end), waiting);
    }

    /** What follows is not its own slowness. */
    void catchUp() {
        live = false;
        waiting = 0;
    }

    void interrupted(LiveNotice notice) {
        catchUp();
        tell(notice);
        wake(subscriptions.upTo());
    }

    /** The log is another one after this version, which it has not passed. */
    void rewind(long version) {
        catchUp();
        if (state == State.CAUGHT_UP) {
            next = version;
            idleUntil = System.currentTimeMillis();
            state = State.BUSY;
            subscriptions.execute(this);
        }
    }

    private void tell(LiveNotice notice) {
        if (notices == null) {
            notices = new ArrayList<>(1);
        }
        notices.add(notice);
    }

    void fail(RuntimeException cause) {
        if (active && failure == null) {
            if (cause instanceof HistoryChangedException) {
                returned = List.of();
            }
            failure = cause;
            wake(next);
        }
    }

    /** No more will come; what it has not taken yet does not come either. */
    void complete() {
        completed = true;
        wake(next);
    }

    /** It has been added, and is told nothing yet. */
    void added() {
        live = next >= subscriptions.upTo();
    }

    /** From now on it may be told something. There is nothing to do for one that starts at the end. */
    void open(long firstDemand) {
        opened = true;
        demand = firstDemand;
        if (demand > 0 && next >= subscriptions.upTo() && !mustBeTold()) {
            state = State.CAUGHT_UP;
        } else if (demand > 0 || mustBeTold()) {
            run(State.NO_DEMAND);
        }
    }

    void more(long count) {
        demand = demand + count < 0 ? Long.MAX_VALUE : demand + count;
        run(State.NO_DEMAND);
    }

    private void wake(long before) {
        if (state == State.CAUGHT_UP) {
            next = Math.max(next, before);
            run(State.CAUGHT_UP);
        } else if (mustBeTold()) {
            run(State.NO_DEMAND);
        }
    }

    private void run(State from) {
        if (opened && state == from) {
            if (from == State.CAUGHT_UP) {
                // What it had no interest in is behind it.
                handled = Math.max(handled, next);
                idleUntil = System.currentTimeMillis();
            }
            state = State.BUSY;
            subscriptions.execute(this);
        }
    }

    private boolean mustBeTold() {
        return notices != null || failure != null || tooSlow || completed;
    }

    /** What to do now; null if nothing, and then it is not busy any more. */
    private @Nullable Work take(RecentEvents recent) {
        if (!active) {
            return null;
        }
        if (!returned.isEmpty() && !completed) {
            List<StoredEvent> first = returned;
            returned = List.of();
            return new Work(first, List.of(), null, false, null);
        }
        if (mustBeTold()) {
            if (failure == null && tooSlow) {
                // All that was taken is handled now.
                failure = new SlowSubscriberException(Version.of(next), options.buffer());
            }
            Work work = new Work(
                    List.of(), notices == null ? List.of() : notices, failure, completed || failure != null, null);
            notices = null;
            return work;
        }
        if (demand == 0) {
            state = State.NO_DEMAND;
            return null;
        }
        if (next < recent.after()) {
            int most = (int) Math.min(demand, subscriptions.pageSize());
            return new Work(List.of(), List.of(), null, false, new Page(next, recent.upTo(), most));
        }
        RecentEvents.Slice slice = recent.slice(next, options::matches, Math.min(demand, TAKE));
        taken(slice.events(), slice.upTo());
        if (slice.events().isEmpty()) {
            state = State.CAUGHT_UP;
            live = true;
            waiting = 0;
            handled = Math.max(handled, next);
            return null;
        }
        return new Work(slice.events(), List.of(), null, false, null);
    }

    private void taken(List<StoredEvent> events, long upTo) {
        next = Math.max(next, upTo);
        waiting = Math.max(0, waiting - events.size());
        if (demand != Long.MAX_VALUE) {
            demand -= events.size();
        }
    }

    // Without the lock.

    /** The subscription for which the calling thread works; null if it works for none. */
    static @Nullable Subscriber current() {
        return HANDLING.get();
    }

    @Override
    public void run() {
        HANDLING.set(this);
        subscriptions.began(this);
        try {
            work();
        } catch (RuntimeException e) {
            // An error of the library's own must not end it in silence.
            log.error("subscription.broken: {} will try again", options, e);
            subscriptions.executeLater(this);
        } finally {
            HANDLING.remove();
            subscriptions.ended(this);
        }
    }

    private void work() {
        for (int done = 0; done < RUN && subscriptions.isServing(); ) {
            // A handler may have left the flag set, and a pool gives no connection to an interrupted thread.
            Thread.interrupted();
            Work work = subscriptions.locked(() -> take(subscriptions.recent()));
            if (work == null) {
                return;
            }
            List<StoredEvent> events = work.page == null ? work.events : read(work.page);
            if (events == null) {
                return;
            }
            work.notices.forEach(this::tellSink);
            if (work.last) {
                end(work.failure);
                return;
            }
            done += Math.max(1, deliver(events));
        }
        subscriptions.execute(this);
    }

    /** A page from the table, null if that failed: then it tries again later. */
    private @Nullable List<StoredEvent> read(Page page) {
        try {
            EventQueries.Page read = subscriptions.page(page.since, page.upTo, options.filters(), page.most);
            List<StoredEvent> events = read.events();
            long end = read.upTo();
            return subscriptions.locked(() -> {
                // It may have been told to skip, or the history has changed, meanwhile.
                if (next != page.since) {
                    return List.of();
                }
                taken(events, end);
                return events;
            });
        } catch (RuntimeException e) {
            log.warn("subscription.read-failed: {} will try again: {}", options, e.getMessage());
            subscriptions.executeLater(this);
            return null;
        }
    }

    /** Returns how many events were delivered. */
    private int deliver(List<StoredEvent> events) {
        for (int i = 0; i < events.size(); i++) {
            StoredEvent event = events.get(i);
            if (!active) {
                return i;
            }
            if (!subscriptions.mayDeliver()) {
                giveBack(List.copyOf(events.subList(i, events.size())));
                return i;
            }
            // What one handler call leaves behind does not concern the next event.
            Thread.interrupted();
            try {
                Causation.by(event, () -> handle(event));
            } catch (Throwable e) {
                // Also an Error, an assertion that failed for instance: it is one handler's.
                logFailure(event, e);
                if (sink.endsByException()) {
                    end();
                    return i;
                }
            }
            handled = event.version().value();
            handledFrom = Math.min(millis(event.createdAt()), System.currentTimeMillis());
        }
        return events.size();
    }

    private void giveBack(List<StoredEvent> events) {
        subscriptions.locked(() -> {
            returned = events;
            return true;
        });
    }

    /** An instrumentation that fails before it has called the handler does not keep the event from it. */
    private void handle(StoredEvent event) throws Exception {
        AtomicBoolean called = new AtomicBoolean();
        Instrumentation.Handling handling =
                new Instrumentation.Handling(KIND, event, event.version().value() <= replayed);
        try {
            subscriptions.instrumentation().handling(handling, () -> {
                called.set(true);
                sink.accept(event);
            });
        } catch (Throwable e) {
            if (called.get()) {
                throw e;
            }
            log.warn("subscription.instrumentation-failed: {} at version {}", options, event.version(), e);
        }
        if (!called.get()) {
            sink.accept(event);
        }
    }

    /** PostgreSQL knows times that are infinitely far away. */
    private static long millis(Instant time) {
        return Math.max(0, Math.min(time.getEpochSecond(), Long.MAX_VALUE / 1000)) * 1000;
    }

    /** An error of the library's own says all in its message; what caused it may show data. */
    private void logFailure(StoredEvent event, Throwable failure) {
        if (failure instanceof EventStoreException) {
            log.warn(
                    "subscription.handler-failed: {} at version {}: {}: {}",
                    options,
                    event.version(),
                    failure.getClass().getSimpleName(),
                    failure.getMessage());
        } else {
            log.warn("subscription.handler-failed: {} at version {}", options, event.version(), failure);
        }
    }

    private void tellSink(LiveNotice notice) {
        try {
            sink.notice(notice);
        } catch (Throwable e) {
            log.warn("subscription.notice-failed: {} told of {}", options, notice, e);
        }
    }

    private void end(@Nullable RuntimeException cause) {
        if (subscriptions.remove(this)) {
            try {
                sink.end(cause);
            } catch (Throwable e) {
                log.warn("subscription.notice-failed: {} told of its end", options, e);
            }
        }
    }

    /** With the lock held; whether it was active. */
    boolean deactivate() {
        boolean was = active;
        active = false;
        return was;
    }

    @Override
    public String channel() {
        return options.channel();
    }

    @Override
    public Version position() {
        return subscriptions.locked(
                () -> Version.of(state == State.CAUGHT_UP ? Math.max(handled, subscriptions.upTo()) : handled));
    }

    @Override
    public long dropped() {
        return subscriptions.locked(() -> dropped);
    }

    @Override
    public Lag lag() {
        return subscriptions.locked(this::lagNow);
    }

    /** With the lock held. */
    Lag lagNow() {
        long versions = state == State.CAUGHT_UP ? 0 : subscriptions.upTo() - handled;
        if (versions <= 0) {
            return Lag.NONE;
        }
        long behind = System.currentTimeMillis() - Math.max(idleUntil, handledFrom);
        return new Lag(versions, Duration.ofMillis(Math.max(0, behind)));
    }

    @Override
    public boolean isActive() {
        return active;
    }

    /** Waits for the handler, so that the caller may close what it uses. */
    @Override
    public void close() {
        end();
        if (HANDLING.get() != this && !subscriptions.awaitEnd(this, LONGEST_CLOSE)) {
            log.warn("subscription.slow-handler: {} is closed, and its handler still runs", this);
        }
    }

    /** Ends it without waiting for its handler. */
    void end() {
        subscriptions.remove(this);
    }

    /** With the lock held: how many events were read for it and not handled; at most, if it is further behind than the recent events. */
    long undelivered(RecentEvents recent) {
        if (state == State.CAUGHT_UP) {
            return 0;
        }
        long unread = next < recent.after()
                ? recent.upTo() - next
                : recent.slice(next, options::matches, Long.MAX_VALUE).events().size();
        return returned.size() + unread;
    }

    long handled() {
        return handled;
    }

    @Override
    public String toString() {
        return options + " at " + handled;
    }

    /**
     * What to do without the lock.
     *
     * @param last whether it ends with this, by the failure if there is one
     * @param page what to read first, instead of the events
     */
    private record Work(
            List<StoredEvent> events,
            List<LiveNotice> notices,
            @Nullable RuntimeException failure,
            boolean last,
            @Nullable Page page) {}

    /** A part of the table. */
    private record Page(long since, long upTo, int most) {}
}
