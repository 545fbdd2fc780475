package io.synckit.postgres.boot.actuate;

import io.synckit.EventStoreException;
import io.synckit.postgres.notification.NotificationListener;
import io.synckit.subscription.DurableStatus;
import io.synckit.subscription.DurableSubscription;
import io.synckit.subscription.DurableSubscription.PartitionActivity;
import io.synckit.subscription.DurableSubscription.State;
import java.time.Duration;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.springframework.boot.health.contributor.Health;

/** Inspects the durable subscriptions of this instance. Thread-safe. */
final class DurableHealth {

    private final StoreMonitor monitor;
    private final SynckitHealthProperties properties;

    /** Since when no instance has owned a partition, by subscription. */
    private final Map<String, Long> unownedSince = new HashMap<>();

    DurableHealth(StoreMonitor monitor, SynckitHealthProperties properties) {
        this.monitor = monitor;
        this.properties = properties;
    }

    void inspect(NotificationListener listener, Health.Builder builder, Map<HealthProblem, String> problems) {
        List<DurableSubscription> subscriptions = listener.subscriptions().durable();
        if (subscriptions.isEmpty()) {
            return;
        }
        Map<String, DurableStatus.Summary> stored = stored();
        Map<String, Object> details = new LinkedHashMap<>();
        for (DurableSubscription subscription : subscriptions) {
            List<PartitionActivity> activity = subscription.activity();
            Map<String, Object> detail = new LinkedHashMap<>();
            detail.put("owned", activity.stream().filter(DurableHealth::isOwned).count());
            detail.put(
                    "lagVersions",
                    activity.stream().mapToLong(it -> it.lag().versions()).max().orElse(0));
            detail.put(
                    "lagMillis",
                    activity.stream()
                            .mapToLong(it -> it.lag().time().toMillis())
                            .max()
                            .orElse(0));
            activity.forEach(partition -> inspect(subscription.name(), partition, problems));
            DurableStatus.Summary summary = stored.get(subscription.name());
            if (summary != null) {
                detail.put("paused", summary.paused());
                detail.put("unowned", summary.unowned());
                detail.put("parkedKeys", summary.parkedKeys());
                detail.put("retryingKeys", summary.retryingKeys());
                inspect(summary, problems);
            }
            details.put(subscription.name(), detail);
        }
        builder.withDetail("durable", details);
    }

    /** Without an answer of the database, which is a problem of its own, there are no stored numbers. */
    private Map<String, DurableStatus.Summary> stored() {
        Map<String, DurableStatus.Summary> byName = new HashMap<>();
        try {
            monitor.durable(SynckitHealthIndicator.MAX_AGE, properties.timeout())
                    .forEach(summary -> byName.put(summary.name(), summary));
        } catch (EventStoreException e) {
            byName.clear();
        }
        return byName;
    }

    private static boolean isOwned(PartitionActivity activity) {
        return activity.state() != State.NOT_OWNED;
    }

    private void inspect(String name, PartitionActivity partition, Map<HealthProblem, String> problems) {
        String where = "partition " + partition.partition() + " of subscription '" + name + "'";
        if (partition.state() == State.STOPPED) {
            problems.put(
                    HealthProblem.SUBSCRIPTION_STOPPED,
                    where + " has stopped after version " + partition.position()
                            + "; correct the cause, then call resume(), or replay if the checkpoint is stale (docs/durable.md says how to skip the event): "
                            + partition.failure());
        } else if (partition.state() == State.BACKING_OFF) {
            problems.put(
                    HealthProblem.SUBSCRIPTION_WAITING,
                    where + " tries the event after version " + partition.position() + " again: "
                            + partition.failure());
        }
        if (partition.handlerRuns().compareTo(properties.maxHandlerTime()) > 0) {
            problems.put(
                    HealthProblem.HANDLER_SLOW,
                    "the handler of " + where + " has run for "
                            + partition.handlerRuns().toSeconds()
                            + " s; it is slow or hangs (a thread dump shows where)");
        }
        if (partition.lag().time().compareTo(properties.maxLag()) > 0) {
            problems.put(
                    HealthProblem.LAG,
                    where + " is " + partition.lag().versions() + " versions and "
                            + partition.lag().time().toSeconds() + " s behind");
        }
    }

    private void inspect(DurableStatus.Summary summary, Map<HealthProblem, String> problems) {
        if (summary.parkedKeys() > 0) {
            problems.put(
                    HealthProblem.PARKED,
                    "subscription '" + summary.name() + "' has parked keys (" + summary.parkedKeys()
                            + "); correct the cause and requeue, skip or discard them (docs/durable.md)");
        }
        if (unownedFor(summary).compareTo(properties.maxLag()) > 0) {
            problems.put(
                    HealthProblem.SUBSCRIPTION_UNOWNED,
                    "subscription '" + summary.name() + "' has partitions without an owner (" + summary.unowned()
                            + "); no instance with a connected listener runs the subscription (see the state of the listener)");
        }
    }

    private synchronized Duration unownedFor(DurableStatus.Summary summary) {
        if (summary.unowned() == 0 || summary.paused()) {
            unownedSince.remove(summary.name());
            return Duration.ZERO;
        }
        long since = unownedSince.computeIfAbsent(summary.name(), name -> System.nanoTime());
        return Duration.ofNanos(System.nanoTime() - since);
    }
}
