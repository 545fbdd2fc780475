package io.synckit.postgres.internal.live;

import io.synckit.EventStoreException;
import io.synckit.StoredEvent;
import io.synckit.Version;
import io.synckit.postgres.internal.runtime.SafeLog;
import io.synckit.postgres.internal.sql.EventQueries.Page;
import io.synckit.subscription.LiveNotice;
import io.synckit.subscription.LiveOptions;
import io.synckit.subscription.LiveSubscription;
import io.synckit.subscription.LiveSubscription.Lag;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A live subscription: takes what its cursor says, and delivers it. It has no thread and no buffer of its own. When there is something for
 * it, it runs on a handler thread, one run at a time.
 */
final class LiveSubscriber implements LiveSubscription, Runnable {

    private static final Logger log = LoggerFactory.getLogger(LiveSubscriber.class);

    private static final ThreadLocal<LiveSubscriber> CURRENT = new ThreadLocal<>();

    /** Events in one run, after which other subscriptions get the thread. */
    private static final int RUN = 256;

    private static final Duration CLOSE_TIMEOUT = Duration.ofSeconds(10);

    private final Subscriptions subscriptions;
    private final HandlerRuns runs;
    private final PageReader pages;
    private final LiveOptions options;
    private final SubscriptionFilter filter;
    private final LiveCursor cursor;
    private final Sink sink;
    private final EventDelivery delivery;

    LiveSubscriber(
            Subscriptions subscriptions,
            HandlerRuns runs,
            PageReader pages,
            LiveOptions options,
            SubscriptionFilter filter,
            LiveCursor cursor,
            Sink sink,
            EventDelivery delivery) {
        this.subscriptions = subscriptions;
        this.runs = runs;
        this.pages = pages;
        this.options = options;
        this.filter = filter;
        this.cursor = cursor;
        this.sink = sink;
        this.delivery = delivery;
    }

    SubscriptionFilter filter() {
        return filter;
    }

    /** Returns the cursor, for use with the lock of the subscriptions. */
    LiveCursor cursor() {
        return cursor;
    }

    /** Returns the subscription whose handler the calling thread runs; null if there is none. */
    static @Nullable LiveSubscriber current() {
        return CURRENT.get();
    }

    @Override
    public void run() {
        Thread thread = Thread.currentThread();
        String threadName = thread.getName();
        thread.setName("synckit-live-" + options.name());
        CURRENT.set(this);
        runs.started(this);
        try {
            work();
        } catch (Throwable e) {
            // Also an Error: the subscription must not end in silence.
            SafeLog.warn(log, "subscription.broken: " + this + " has an internal error and is retried", e);
            runs.scheduleLater(this);
        } finally {
            CURRENT.remove();
            runs.ended(this);
            thread.setName(threadName);
        }
    }

    private void work() {
        for (int done = 0; done < RUN && runs.isServing(); ) {
            clearInterrupt();
            Step step = subscriptions.locked(() -> cursor.take(subscriptions.recent(), pages.size()));
            if (step == null) {
                return;
            }
            if (step instanceof Step.Tell tell) {
                tell.notices().forEach(this::notice);
                if (tell.last()) {
                    end(tell.failure());
                    return;
                }
                done++;
                continue;
            }
            List<StoredEvent> events = step instanceof Step.ReadPage page ? read(page) : ((Step.Deliver) step).events();
            if (events == null) {
                return;
            }
            done += Math.max(1, deliver(events));
        }
        runs.schedule(this);
    }

    /** A handler may leave the interrupt flag set. It does not concern the next event, and a pool gives an interrupted thread no connection. */
    private static void clearInterrupt() {
        Thread.interrupted();
    }

    /** Reads a page from the table. Returns null if that has failed: then the subscription runs again later. */
    private @Nullable List<StoredEvent> read(Step.ReadPage page) {
        try {
            Page read = pages.read(page.since(), page.upTo(), filter.ofDatabase(), page.limit());
            return subscriptions.locked(
                    () -> cursor.takePage(page, read.events(), read.upTo()) ? read.events() : List.of());
        } catch (RuntimeException e) {
            log.warn("subscription.read-failed: {} cannot read and is retried: {}", this, e.getMessage());
            runs.scheduleLater(this);
            return null;
        }
    }

    /** Returns how many events were handled or rejected by a filter. */
    private int deliver(List<StoredEvent> events) {
        int rejected = 0;
        int done = 0;
        int next = 0;
        try {
            while (next < events.size() && cursor.isActive() && runs.mayDeliver()) {
                StoredEvent event = events.get(next++);
                clearInterrupt();
                EventDelivery.Result result = delivery.deliver(this, event);
                cursor.handled().handled(event);
                done++;
                if (result == EventDelivery.Result.REJECTED) {
                    rejected++;
                } else if (result != EventDelivery.Result.HANDLED && sink.endsByException()) {
                    end(result);
                    return done;
                }
            }
        } finally {
            // Also after an Error: the events that follow must not be lost.
            giveBack(events.subList(next, events.size()), rejected);
        }
        return done;
    }

    /** A subscriber that has thrown has cancelled. One whose filter has thrown must learn its end. */
    private void end(EventDelivery.Result result) {
        if (result == EventDelivery.Result.FILTER_FAILED) {
            end(new EventStoreException("the filter of " + this + " has failed; the log has its exception"));
        } else {
            end();
        }
    }

    private void giveBack(List<StoredEvent> rest, int rejected) {
        if (!rest.isEmpty() || rejected > 0) {
            List<StoredEvent> kept = List.copyOf(rest);
            subscriptions.run(() -> {
                cursor.giveBack(kept);
                cursor.refund(rejected);
            });
        }
    }

    private void notice(LiveNotice notice) {
        try {
            sink.notice(notice);
        } catch (Throwable e) {
            SafeLog.warn(log, "subscription.notice-failed: the consumer of " + this + " has thrown for " + notice, e);
        }
    }

    private void end(@Nullable RuntimeException cause) {
        if (subscriptions.remove(this)) {
            try {
                sink.end(cause);
            } catch (Throwable e) {
                SafeLog.warn(log, "subscription.notice-failed: the consumer of " + this + " has thrown for its end", e);
            }
        }
    }

    /** Ends the subscription without waiting for its handler. */
    void end() {
        subscriptions.remove(this);
    }

    @Override
    public String name() {
        return options.name();
    }

    @Override
    public Version position() {
        return subscriptions.locked(() -> Version.of(cursor.position(subscriptions.published())));
    }

    @Override
    public long dropped() {
        return subscriptions.locked(cursor::dropped);
    }

    @Override
    public Lag lag() {
        return subscriptions.locked(() -> cursor.lag(subscriptions.published()));
    }

    @Override
    public boolean isActive() {
        return cursor.isActive();
    }

    /** Waits for the handler, so that the caller may close what the handler uses. */
    @Override
    public void close() {
        end();
        if (CURRENT.get() != this && !runs.awaitEnd(this, CLOSE_TIMEOUT)) {
            log.warn("subscription.slow-handler: {} is closed, but its handler still runs", this);
        }
    }

    @Override
    public String toString() {
        return options + " at version " + cursor.handled().version();
    }
}
