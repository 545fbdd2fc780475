package io.synckit.postgres.notification;

import io.synckit.StoredEvent;
import java.util.Objects;
import java.util.concurrent.Flow;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** A {@link Flow.Subscriber}: it gets no more events than it has asked for. */
final class FlowSink implements Subscriber.Sink {

    private final Flow.Subscriber<? super StoredEvent> subscriber;
    private final Consumer<LiveNotice> notices;

    FlowSink(Flow.Subscriber<? super StoredEvent> subscriber, Consumer<LiveNotice> notices) {
        this.subscriber = Objects.requireNonNull(subscriber, "the subscriber is null");
        this.notices = notices;
    }

    /** Tells it that it is subscribed; what it asks for meanwhile is given when it has returned. */
    void start(SubscriptionManager subscriptions, Subscriber subscription) {
        Demand demand = new Demand(subscriptions, subscription);
        try {
            subscriber.onSubscribe(demand);
        } catch (RuntimeException | Error e) {
            subscription.end();
            throw e;
        }
        demand.start();
    }

    /** Tells it that it could not be subscribed. */
    void refuse(RuntimeException failure) {
        subscriber.onSubscribe(new Flow.Subscription() {
            @Override
            public void request(long count) {
                // There is nothing to be had.
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

    /** As Reactive Streams has it: a subscriber that throws has cancelled. */
    @Override
    public boolean endsByException() {
        return true;
    }

    private static final class Demand implements Flow.Subscription {

        private final SubscriptionManager subscriptions;
        private final Subscriber subscription;
        private boolean started;
        private long early;
        private @Nullable IllegalArgumentException wrong;

        Demand(SubscriptionManager subscriptions, Subscriber subscription) {
            this.subscriptions = subscriptions;
            this.subscription = subscription;
        }

        synchronized void start() {
            started = true;
            if (wrong != null) {
                subscriptions.fail(subscription, wrong);
            }
            subscriptions.open(subscription, early);
        }

        @Override
        public synchronized void request(long count) {
            if (count < 1) {
                wrong = new IllegalArgumentException(
                        "request is " + count + ", at least 1 is needed (Reactive Streams 3.9)");
                if (started) {
                    subscriptions.fail(subscription, wrong);
                }
            } else if (started) {
                subscriptions.more(subscription, count);
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
