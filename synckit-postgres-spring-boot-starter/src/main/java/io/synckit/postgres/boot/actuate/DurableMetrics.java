package io.synckit.postgres.boot.actuate;

import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.TimeGauge;
import io.synckit.subscription.DurableStatus;
import io.synckit.subscription.DurableSubscription;
import io.synckit.subscription.DurableSubscription.Counts;
import io.synckit.subscription.DurableSubscription.PartitionActivity;
import io.synckit.subscription.DurableSubscription.State;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.function.ToDoubleBiFunction;
import java.util.function.ToDoubleFunction;

/**
 * The meters of durable subscriptions; docs/metrics.md lists them. The numbers of waiting keys, stopped partitions and partitions
 * without an owner come from the database, so they survive restarts. All other meters describe a partition in this instance. Lag is NaN if another instance is the owner.
 */
final class DurableMetrics {

    private final MeterRegistry registry;
    private final ToDoubleBiFunction<String, ToDoubleFunction<DurableStatus.Summary>> queried;
    private final Map<String, List<Meter>> meters = new ConcurrentHashMap<>();

    /** @param queried reads a number of the stored summary of a subscription; returns NaN if it is not known */
    DurableMetrics(
            MeterRegistry registry, ToDoubleBiFunction<String, ToDoubleFunction<DurableStatus.Summary>> queried) {
        this.registry = registry;
        this.queried = queried;
    }

    /** A subscription that is started again replaces the meters of the former one. */
    void bind(DurableSubscription subscription) {
        List<Meter> former = meters.remove(subscription.name());
        if (former != null) {
            former.forEach(registry::remove);
        }
        List<Meter> bound = new ArrayList<>();
        keys("parked", DurableStatus.Summary::parkedKeys, subscription, bound);
        keys("retrying", DurableStatus.Summary::retryingKeys, subscription, bound);
        partitions("stopped", "Partitions that have stopped", DurableStatus.Summary::stopped, subscription, bound);
        partitions("unowned", "Partitions without an owner", DurableStatus.Summary::unowned, subscription, bound);
        for (int partition = 0; partition < subscription.options().partitions(); partition++) {
            bind(subscription, partition, bound);
        }
        meters.put(subscription.name(), bound);
    }

    private void partitions(
            String state,
            String description,
            ToDoubleFunction<DurableStatus.Summary> value,
            DurableSubscription subscription,
            List<Meter> bound) {
        bound.add(stored("synckit.durable." + state, value, subscription)
                .description(description)
                .baseUnit("partitions")
                .register(registry));
    }

    private void keys(
            String state,
            ToDoubleFunction<DurableStatus.Summary> value,
            DurableSubscription subscription,
            List<Meter> bound) {
        bound.add(stored("synckit.durable.keys", value, subscription)
                .description("Keys that wait because one of their events has failed")
                .baseUnit("keys")
                .tag("state", state)
                .register(registry));
    }

    private Gauge.Builder<DurableSubscription> stored(
            String name, ToDoubleFunction<DurableStatus.Summary> value, DurableSubscription subscription) {
        return Gauge.builder(name, subscription, it -> queried.applyAsDouble(it.name(), value))
                .tag("subscription", subscription.name());
    }

    private void bind(DurableSubscription subscription, int partition, List<Meter> bound) {
        bound.add(gauge("synckit.durable.owned", subscription, partition, activity -> isOwned(activity) ? 1 : 0)
                .description("1 if this instance owns the partition, otherwise 0")
                .register(registry));
        bound.add(gauge(
                        "synckit.durable.lag",
                        subscription,
                        partition,
                        activity -> isOwned(activity) ? activity.lag().versions() : Double.NaN)
                .description("Versions between the position of the partition and the last version that can be handled")
                .baseUnit("versions")
                .register(registry));
        bound.add(TimeGauge.builder(
                        "synckit.durable.lag.time",
                        subscription,
                        TimeUnit.MILLISECONDS,
                        it -> value(
                                it,
                                partition,
                                activity -> isOwned(activity)
                                        ? activity.lag().time().toMillis()
                                        : Double.NaN))
                .description("Time since the first event that is not handled was stored")
                .tag("subscription", subscription.name())
                .tag("partition", String.valueOf(partition))
                .register(registry));
        bound.add(gauge(
                        "synckit.durable.batch",
                        subscription,
                        partition,
                        activity -> activity.counts().batchSize())
                .description("Size of the last batch")
                .baseUnit("events")
                .register(registry));
        count("handled", "Events that were handled", Counts::handled, subscription, partition, bound);
        count("failed", "Handler calls that have failed", Counts::failed, subscription, partition, bound);
        count("retried", "Attempts after the first", Counts::retried, subscription, partition, bound);
        count("parked", "Events that were parked", Counts::parked, subscription, partition, bound);
        count(
                "skipped",
                "Events that were skipped after all attempts",
                Counts::skipped,
                subscription,
                partition,
                bound);
        count("claims", "How often this instance has become the owner", Counts::claims, subscription, partition, bound);
    }

    private static boolean isOwned(PartitionActivity activity) {
        return activity.state() != State.NOT_OWNED;
    }

    private static double value(
            DurableSubscription subscription, int partition, ToDoubleFunction<PartitionActivity> value) {
        return value.applyAsDouble(subscription.activity().get(partition));
    }

    private static Gauge.Builder<DurableSubscription> gauge(
            String name, DurableSubscription subscription, int partition, ToDoubleFunction<PartitionActivity> value) {
        return Gauge.builder(name, subscription, it -> value(it, partition, value))
                .tag("subscription", subscription.name())
                .tag("partition", String.valueOf(partition));
    }

    private void count(
            String name,
            String description,
            ToDoubleFunction<Counts> value,
            DurableSubscription subscription,
            int partition,
            List<Meter> bound) {
        bound.add(FunctionCounter.builder(
                        "synckit.durable." + name,
                        subscription,
                        it -> value(it, partition, activity -> value.applyAsDouble(activity.counts())))
                .description(description)
                .tag("subscription", subscription.name())
                .tag("partition", String.valueOf(partition))
                .register(registry));
    }
}
