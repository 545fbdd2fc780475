package io.synckit.postgres.notification;

import io.synckit.StoredEvent;
import io.synckit.postgres.internal.live.LiveSubscriptions;
import io.synckit.postgres.internal.live.Subscriptions;
import io.synckit.subscription.EventSubscriptions;
import io.synckit.subscription.LiveOptions;
import io.synckit.subscription.LiveSubscription;
import io.synckit.subscription.LiveSubscription.Lag;
import io.synckit.subscription.StoredEventHandler;
import java.util.List;
import java.util.concurrent.Flow;

/** The subscriptions of a {@link NotificationListener}, with the channels of go-sync-kit and figures for monitoring. Thread-safe. */
public final class SubscriptionManager implements EventSubscriptions {

    private final LiveSubscriptions live;
    private final Subscriptions subscriptions;

    SubscriptionManager(LiveSubscriptions live, Subscriptions subscriptions) {
        this.live = live;
        this.subscriptions = subscriptions;
    }

    @Override
    public LiveSubscription live(LiveOptions options, StoredEventHandler handler) {
        return live.live(options, handler);
    }

    @Override
    public Flow.Publisher<StoredEvent> publisher(LiveOptions options) {
        return live.publisher(options);
    }

    @Override
    public List<LiveSubscription> active() {
        return subscriptions.active();
    }

    /** Returns the channels that have a subscription, sorted: {@code events_global} and {@code stream_<aggregate id>}. */
    public List<String> getChannels() {
        return active().stream()
                .map(LiveSubscription::channel)
                .distinct()
                .sorted()
                .toList();
    }

    /** Closes all subscriptions of a channel. */
    public void unsubscribe(String channel) {
        active().stream()
                .filter(subscription -> subscription.channel().equals(channel))
                .forEach(LiveSubscription::close);
    }

    /** Returns the number of active subscriptions. */
    public int size() {
        return subscriptions.size();
    }

    /** Returns how many events were not delivered because subscribers were slow, those of ended subscriptions included. */
    public long dropped() {
        return subscriptions.dropped();
    }

    /** Returns the lag of the subscription that is furthest behind. */
    public Lag lag() {
        return subscriptions.lag();
    }
}
