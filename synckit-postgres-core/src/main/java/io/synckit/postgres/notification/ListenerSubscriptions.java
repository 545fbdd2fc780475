package io.synckit.postgres.notification;

import io.synckit.StoredEvent;
import io.synckit.postgres.internal.durable.DurableSubscriptions;
import io.synckit.postgres.internal.live.LiveSubscriptions;
import io.synckit.subscription.DurableBatchHandler;
import io.synckit.subscription.DurableEventHandler;
import io.synckit.subscription.DurableOptions;
import io.synckit.subscription.DurableSubscription;
import io.synckit.subscription.EventSubscriptions;
import io.synckit.subscription.LiveOptions;
import io.synckit.subscription.LiveSubscription;
import io.synckit.subscription.StoredEventHandler;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Flow;

/** The live and the durable subscriptions of a listener. */
record ListenerSubscriptions(LiveSubscriptions liveOnes, DurableSubscriptions durableOnes)
        implements EventSubscriptions {

    @Override
    public LiveSubscription live(LiveOptions options, StoredEventHandler handler) {
        return liveOnes.live(options, handler);
    }

    @Override
    public Flow.Publisher<StoredEvent> publisher(LiveOptions options) {
        return liveOnes.publisher(options);
    }

    @Override
    public List<LiveSubscription> active() {
        return liveOnes.active();
    }

    @Override
    public DurableSubscription durable(DurableOptions options, DurableEventHandler handler) {
        Objects.requireNonNull(options, "the options are null");
        return durableOnes.add(options, Objects.requireNonNull(handler, "the handler is null"));
    }

    @Override
    public DurableSubscription durableBatches(DurableOptions options, DurableBatchHandler handler) {
        Objects.requireNonNull(options, "the options are null");
        return durableOnes.addBatches(options, Objects.requireNonNull(handler, "the handler is null"));
    }

    @Override
    public List<DurableSubscription> durable() {
        return durableOnes.all();
    }
}
