package io.synckit.postgres.internal.live;

import io.synckit.StoredEvent;
import io.synckit.subscription.LiveNotice;
import java.util.Objects;
import java.util.concurrent.Flow;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** A {@link Flow.Subscriber}. It receives no more events than it requests. */
final class FlowSink implements Sink {

    private final Flow.Subscriber<? super StoredEvent> subscriber;
    private final Consumer<LiveNotice> notices;

    FlowSink(Flow.Subscriber<? super StoredEvent> subscriber, Consumer<LiveNotice> notices) {
        this.subscriber = Objects.requireNonNull(subscriber, "the subscriber is null");
        this.notices = notices;
    }

    /** Calls {@code onSubscribe}. Events that it requests meanwhile are delivered after it has returned. */
    void start(Subscriptions subscriptions, LiveSubscriber subscription) {
        Demand demand = new Demand(subscriptions, subscription);
        try {
            subscriber.onSubscribe(demand);
        } catch (RuntimeException | Error e) {
            subscription.end();
            throw e;
        }
        demand.start();
    }

    /** Calls {@code onSubscribe} and {@code onError}. */
    void reject(RuntimeException failure) {
        subscriber.onSubscribe(new Flow.Subscription() {
            @Override
            public void request(long count) {
                // There are no events.
            }

            @Override
            public void cancel() {
                // It has ended already.
            }
        });
        subscriber.onError(failure);
    }

    @Override
    public void accept(StoredEvent event) {
        subscriber.onNext(event);
    }

    @Override
    public void notice(LiveNotice notice) {
        notices.accept(notice);
    }

    @Override
    public void end(@Nullable RuntimeException failure) {
        if (failure == null) {
            subscriber.onComplete();
        } else {
            subscriber.onError(failure);
        }
    }

    /** By the rules of Reactive Streams, a subscriber that throws has cancelled. */
    @Override
    public boolean endsByException() {
        return true;
    }

    private static final class Demand implements Flow.Subscription {

        private final Subscriptions subscriptions;
        private final LiveSubscriber subscription;
        private boolean started;
        private long early;
        private @Nullable IllegalArgumentException failure;

        Demand(Subscriptions subscriptions, LiveSubscriber subscription) {
            this.subscriptions = subscriptions;
            this.subscription = subscription;
        }

        synchronized void start() {
            started = true;
            if (failure != null) {
                subscriptions.fail(subscription, failure);
            }
            subscriptions.open(subscription, early);
        }

        @Override
        public synchronized void request(long count) {
            if (count < 1) {
                failure = new IllegalArgumentException(
                        "request is " + count + ", at least 1 is needed (Reactive Streams 3.9)");
                if (started) {
                    subscriptions.fail(subscription, failure);
                }
            } else if (started) {
                subscriptions.request(subscription, count);
            } else {
                early = early + count < 0 ? Long.MAX_VALUE : early + count;
            }
        }

        @Override
        public void cancel() {
            subscription.end();
        }
    }
}
