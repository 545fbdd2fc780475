package io.synckit.postgres.internal.live;

import io.synckit.HistoryChangedException;
import io.synckit.SlowSubscriberException;
import io.synckit.StoredEvent;
import io.synckit.Version;
import io.synckit.postgres.internal.listen.RecentEvents;
import io.synckit.postgres.internal.runtime.Clock;
import io.synckit.subscription.LiveNotice;
import io.synckit.subscription.LiveOptions.SlowSubscriber;
import io.synckit.subscription.LiveSubscription.Lag;
import java.util.List;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * The position of a live subscription in the log, its demand, and what it does next. Pure: no thread, no database.
 *
 * <p>Guarded by the lock of the subscriptions, except for {@link #isActive}. A method that returns a boolean returns
 * whether the subscriber must be run.
 */
final class LiveCursor {

    /** Events that are taken from the recent events at once. */
    static final int TAKE = 64;

    private final SlowSubscriber whenSlow;
    private final LiveBacklog backlog;
    private final Predicate<StoredEvent> wanted;
    private final HandledPosition handled;
    private State state = State.NO_DEMAND;
    private boolean opened;

    /** All events at or below this version are taken or not wanted. */
    private long next;

    private long demand;
    private final PendingNotices notices = new PendingNotices();
    private @Nullable RuntimeException failure;
    private boolean tooSlow;
    private Step.@Nullable ReadPage reading;
    private boolean completed;
    /** Events that were taken when the listener stopped. They come first after its next start. */
    private List<StoredEvent> returned = List.of();

    private volatile boolean active = true;

    private enum State {
        /** Nothing is wanted up to the end of the recent events. A publication wakes it. */
        CAUGHT_UP,
        /** It may take no more events. */
        NO_DEMAND,
        /** The subscriber runs, or is about to. */
        BUSY
    }

    LiveCursor(int buffer, SlowSubscriber whenSlow, Predicate<StoredEvent> wanted, long since, Clock clock) {
        this.backlog = new LiveBacklog(buffer);
        this.whenSlow = whenSlow;
        this.wanted = wanted;
        this.handled = new HandledPosition(since, clock);
        this.next = since;
    }

    /** Opens it. A subscription that starts at the end of the published events has nothing to do yet. */
    boolean open(long firstDemand, long published) {
        opened = true;
        demand = firstDemand;
        if (demand > 0 && next >= published && !hasNews()) {
            state = State.CAUGHT_UP;
            return false;
        }
        return (demand > 0 || hasNews()) && run(State.NO_DEMAND);
    }

    /** The subscriber requests more events. */
    boolean request(long count) {
        demand = demand + count < 0 ? Long.MAX_VALUE : demand + count;
        return run(State.NO_DEMAND);
    }

    /** Events that were taken were rejected by a filter, and do not count. */
    void refund(long count) {
        if (demand != Long.MAX_VALUE) {
            demand += count;
        }
    }

    /**
     * Wanted events are about to be published.
     *
     * @param before the version up to which events were published before
     * @param upTo the version up to which they will be
     * @param burst whether they are a part of much that has come at once. A subscriber that must catch up with it is not slow
     */
    boolean offered(long before, long upTo, int count, boolean burst) {
        if (burst) {
            catchUp(upTo);
        } else {
            if (whenSlow != SlowSubscriber.WAIT && backlog.isFull()) {
                overflow(before);
            }
            backlog.add(count);
        }
        return wake(before);
    }

    /** The buffer was full before this publication. */
    private void overflow(long before) {
        if (whenSlow == SlowSubscriber.CANCEL) {
            tooSlow = true;
            return;
        }
        notices.addDropped(next, before, backlog.waiting());
        next = Math.max(next, before);
        backlog.drop();
    }

    /** Up to this version, being behind is not its own slowness. */
    void catchUp(long upTo) {
        backlog.excuse(next, upTo);
    }

    /** Adds a notice. It comes before events after the published ones. */
    boolean notice(LiveNotice notice, long published) {
        catchUp(published);
        notices.add(notice);
        return wake(published);
    }

    /**
     * The log has changed after this version. Returns to it if the cursor has caught up; the cursor is not beyond it.
     *
     * @param published the version up to which events count as published now
     */
    boolean rewind(long version, long published) {
        reading = null; // a page that is read now may be of the former log
        boolean idle = state == State.CAUGHT_UP;
        if (idle) {
            next = version;
            handled.busy();
            state = State.BUSY;
        }
        catchUp(published);
        return idle;
    }

    /** Ends the subscription with an error, after the events that were taken. */
    boolean fail(RuntimeException cause) {
        if (!active || failure != null) {
            return false;
        }
        if (cause instanceof HistoryChangedException) {
            returned = List.of();
        }
        failure = cause;
        return wake(next);
    }

    /** Ends the subscription. Events that were not taken are not delivered. */
    boolean complete() {
        completed = true;
        return wake(next);
    }

    private boolean wake(long before) {
        if (state == State.CAUGHT_UP) {
            next = Math.max(next, before);
            return run(State.CAUGHT_UP);
        }
        return hasNews() && run(State.NO_DEMAND);
    }

    private boolean run(State from) {
        if (!opened || state != from) {
            return false;
        }
        if (from == State.CAUGHT_UP) {
            handled.skipTo(next);
            handled.busy();
        }
        state = State.BUSY;
        return true;
    }

    private boolean hasNews() {
        return !notices.isEmpty() || failure != null || tooSlow || completed;
    }

    /** Returns what the subscriber does next; null if there is nothing, and then it is not busy any more. */
    @Nullable Step take(RecentEvents recent, int pageSize) {
        if (!active) {
            return null;
        }
        if (!returned.isEmpty() && !completed) {
            List<StoredEvent> first = returned;
            returned = List.of();
            return new Step.Deliver(first);
        }
        if (hasNews()) {
            return news();
        }
        if (demand == 0) {
            state = State.NO_DEMAND;
            return null;
        }
        if (next < recent.after()) {
            reading = new Step.ReadPage(next, recent.upTo(), (int) Math.min(demand, pageSize));
            return reading;
        }
        if (whenSlow != SlowSubscriber.WAIT && backlog.mustRecount(next)) {
            backlog.recount(recent.slice(next, wanted, Long.MAX_VALUE).events().size(), recent.upTo());
        }
        RecentEvents.Slice slice = recent.slice(next, wanted, Math.min(demand, TAKE));
        taken(slice.events(), slice.upTo());
        if (slice.events().isEmpty()) {
            state = State.CAUGHT_UP;
            handled.skipTo(next);
            return null;
        }
        return new Step.Deliver(slice.events());
    }

    private Step news() {
        if (failure == null && tooSlow) {
            // All events that were taken are handled now.
            failure = new SlowSubscriberException(Version.of(next), backlog.limit());
        }
        return new Step.Tell(notices.take(), completed || failure != null, failure);
    }

    /** Takes the events of a page. Returns false if the position or the log has changed since it was requested: then they do not count. */
    boolean takePage(Step.ReadPage page, List<StoredEvent> events, long upTo) {
        if (next != page.since() || page != reading) {
            return false;
        }
        // Events that a JSON filter has rejected are not on the page, so the count would be wrong.
        backlog.forget();
        taken(events, upTo);
        return true;
    }

    private void taken(List<StoredEvent> events, long upTo) {
        next = Math.max(next, upTo);
        backlog.taken(events.size());
        if (demand != Long.MAX_VALUE) {
            demand -= events.size();
        }
    }

    /** Returns events that were taken and not delivered. */
    void giveBack(List<StoredEvent> events) {
        returned = events;
    }

    /** Returns how far the subscriber has handled the log. */
    HandledPosition handled() {
        return handled;
    }

    /** Ends it. Returns whether it was active. */
    boolean deactivate() {
        boolean was = active;
        active = false;
        return was;
    }

    boolean isActive() {
        return active;
    }

    long next() {
        return next;
    }

    long dropped() {
        return backlog.dropped();
    }

    long position(long published) {
        return state == State.CAUGHT_UP ? Math.max(handled.version(), published) : handled.version();
    }

    Lag lag(long published) {
        return state == State.CAUGHT_UP ? Lag.NONE : handled.lag(published);
    }

    /** Returns how many published events were not handled. Counts versions where the cursor is behind the recent events. */
    long undelivered(RecentEvents recent) {
        if (state == State.CAUGHT_UP) {
            return 0;
        }
        long unread = next < recent.after()
                ? recent.upTo() - next
                : recent.slice(next, wanted, Long.MAX_VALUE).events().size();
        return returned.size() + unread;
    }
}
