package io.synckit.postgres.boot.actuate;

import io.synckit.postgres.notification.NotificationListener;
import io.synckit.subscription.LiveSubscription;
import java.util.Comparator;
import java.util.List;

/**
 * The live subscriptions, as the endpoint shows them.
 *
 * @param subscriptions the hundred that are furthest behind
 */
record LiveView(int count, long dropped, List<SubscriptionView> subscriptions) {

    private static final int MAX_SUBSCRIPTIONS = 100;

    static LiveView of(NotificationListener listener) {
        List<LiveSubscription> active = listener.subscriptions().active();
        List<SubscriptionView> furthestBehind = active.stream()
                .map(SubscriptionView::of)
                .sorted(Comparator.comparingLong(SubscriptionView::lagMillis).reversed())
                .limit(MAX_SUBSCRIPTIONS)
                .toList();
        return new LiveView(active.size(), listener.dropped(), furthestBehind);
    }

    record SubscriptionView(String name, long position, long lagVersions, long lagMillis, long dropped) {

        static SubscriptionView of(LiveSubscription subscription) {
            LiveSubscription.Lag lag = subscription.lag();
            return new SubscriptionView(
                    subscription.name(),
                    subscription.position().value(),
                    lag.versions(),
                    lag.time().toMillis(),
                    subscription.dropped());
        }
    }
}
