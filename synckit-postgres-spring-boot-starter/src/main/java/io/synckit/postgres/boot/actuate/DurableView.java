package io.synckit.postgres.boot.actuate;

import io.synckit.EventStoreException;
import io.synckit.postgres.notification.NotificationListener;
import io.synckit.subscription.DurableStatus;
import io.synckit.subscription.DurableSubscription;
import io.synckit.subscription.DurableSubscription.PartitionActivity;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * A durable subscription, as the endpoint shows it.
 *
 * @param stored what the database says about all instances; null if it does not answer
 * @param here what this instance does; empty for one that it does not run
 */
record DurableView(String name, @Nullable StoredView stored, List<PartitionView> here) {

    private static final Duration MAX_AGE = Duration.ofSeconds(1);
    private static final Duration TIMEOUT = Duration.ofSeconds(2);

    static List<DurableView> of(StoreMonitor monitor, NotificationListener listener) {
        Map<String, DurableSubscription> running = listener.subscriptions().durable().stream()
                .collect(Collectors.toMap(DurableSubscription::name, Function.identity()));
        List<DurableStatus.Summary> stored;
        try {
            stored = monitor.durable(MAX_AGE, TIMEOUT);
        } catch (EventStoreException e) {
            // The part of the store says why.
            return running.values().stream()
                    .map(subscription -> new DurableView(subscription.name(), null, here(subscription)))
                    .toList();
        }
        return stored.stream()
                .map(summary ->
                        new DurableView(summary.name(), StoredView.of(summary), here(running.get(summary.name()))))
                .toList();
    }

    private static List<PartitionView> here(@Nullable DurableSubscription subscription) {
        return subscription == null
                ? List.of()
                : subscription.activity().stream().map(PartitionView::of).toList();
    }

    record StoredView(
            boolean paused,
            int partitions,
            int unowned,
            int stopped,
            long position,
            long parkedKeys,
            long retryingKeys) {

        static StoredView of(DurableStatus.Summary summary) {
            return new StoredView(
                    summary.paused(),
                    summary.partitions(),
                    summary.unowned(),
                    summary.stopped(),
                    summary.position().value(),
                    summary.parkedKeys(),
                    summary.retryingKeys());
        }
    }

    record PartitionView(
            int partition,
            DurableSubscription.State state,
            long position,
            long lagVersions,
            long lagMillis,
            long handlerMillis,
            String failure,
            DurableSubscription.Counts counts) {

        static PartitionView of(PartitionActivity activity) {
            return new PartitionView(
                    activity.partition(),
                    activity.state(),
                    activity.position().value(),
                    activity.lag().versions(),
                    activity.lag().time().toMillis(),
                    activity.handlerRuns().toMillis(),
                    activity.failure(),
                    activity.counts());
        }
    }
}
