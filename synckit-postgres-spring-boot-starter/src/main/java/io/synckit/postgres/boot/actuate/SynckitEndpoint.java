package io.synckit.postgres.boot.actuate;

import io.synckit.EventStoreException;
import io.synckit.StoreStats;
import io.synckit.postgres.StoreDiagnosis;
import io.synckit.postgres.notification.NotificationListener;
import io.synckit.subscription.ListenerStatus;
import io.synckit.subscription.LiveSubscription;
import java.time.Duration;
import java.time.Instant;
import java.util.Comparator;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.actuate.endpoint.Access;
import org.springframework.boot.actuate.endpoint.InvalidEndpointRequestException;
import org.springframework.boot.actuate.endpoint.OperationResponseBody;
import org.springframework.boot.actuate.endpoint.annotation.Endpoint;
import org.springframework.boot.actuate.endpoint.annotation.ReadOperation;
import org.springframework.boot.actuate.endpoint.annotation.Selector;
import org.springframework.boot.actuate.endpoint.annotation.WriteOperation;

/** Shows the figures of the event store, and operates its listener. Writing needs {@code management.endpoint.synckit.access: unrestricted}. */
@Endpoint(id = "synckit", defaultAccess = Access.READ_ONLY)
final class SynckitEndpoint {

    private static final Duration MAX_AGE = Duration.ofSeconds(1);
    private static final Duration TIMEOUT = Duration.ofSeconds(5);
    private static final int MAX_SUBSCRIPTIONS = 100;

    private final StoreMonitor monitor;

    SynckitEndpoint(StoreMonitor monitor) {
        this.monitor = monitor;
    }

    /** Returns the store and, unless it is disabled, its listener. */
    @ReadOperation
    Overview overview() {
        NotificationListener listener = monitor.listener();
        return new Overview(
                store(), listener == null ? null : listener(listener), listener == null ? null : live(listener));
    }

    /** {@code POST /actuator/synckit/listener} with the action {@code start}, {@code stop} or {@code restart}. */
    @WriteOperation
    ListenerView operate(@Selector String part, String action) {
        NotificationListener listener = monitor.listener();
        if (!part.equals("listener") || listener == null) {
            throw new InvalidEndpointRequestException(
                    "there is no part '" + part + "' that can be operated",
                    "The only part that can be operated is 'listener'");
        }
        switch (action) {
            case "start" -> listener.start();
            case "stop" -> listener.stop();
            case "restart" -> {
                listener.stop();
                listener.start();
            }
            default ->
                throw new InvalidEndpointRequestException(
                        "unknown action '" + action + "'", "The action must be one of start, stop and restart");
        }
        return listener(listener);
    }

    private StoreView store() {
        try {
            StoreDiagnosis diagnosis = monitor.diagnosis(MAX_AGE, TIMEOUT);
            StoreStats stats = monitor.stats(MAX_AGE, TIMEOUT);
            Instant latest = diagnosis.latestEventAt().orElse(null);
            return new StoreView(
                    null,
                    diagnosis.schemaVersion(),
                    diagnosis.stable().value(),
                    diagnosis.head().value(),
                    latest,
                    latest == null ? null : age(latest, diagnosis.databaseTime()),
                    diagnosis.writers(),
                    diagnosis
                            .heldBy()
                            .map(StoreDiagnosis.HorizonHolder::describe)
                            .orElse(null),
                    diagnosis.notificationQueueUsage(),
                    stats.estimatedEvents(),
                    stats.tableBytes(),
                    stats.indexBytes());
        } catch (EventStoreException | IllegalStateException e) {
            return new StoreView(e.getMessage(), null, null, null, null, null, null, null, null, null, null, null);
        }
    }

    /** An event may have been stored with an infinite time. */
    private static long age(Instant latest, Instant now) {
        return Math.max(0, now.getEpochSecond() - latest.getEpochSecond());
    }

    private static ListenerView listener(NotificationListener listener) {
        ListenerStatus status = listener.status();
        ListenerStatus.Reader reader = listener.reader().orElse(null);
        Duration roundTrip = status.roundTrip();
        return new ListenerView(
                status.state(),
                status.since(),
                status.attempts(),
                status.backendPid(),
                status.lastNotification(),
                roundTrip == null ? null : roundTrip.toNanos() / 1e6,
                status.failure() == null ? null : status.failure().getMessage(),
                listener.counts(),
                reader == null ? null : new ReaderView(reader.position().value(), reader.readAt()),
                listener.audit().map(SynckitEndpoint::audit).orElse(null));
    }

    private static AuditView audit(ListenerStatus.Audit report) {
        return new AuditView(
                report.checkedUpTo() == null ? null : report.checkedUpTo().value(),
                report.checked(),
                report.lost(),
                report.firstLost().stream().map(version -> version.value()).toList(),
                report.unchecked());
    }

    private static LiveView live(NotificationListener listener) {
        List<SubscriptionView> furthestBehind = listener.subscriptions().active().stream()
                .map(SynckitEndpoint::subscription)
                .sorted(Comparator.comparingLong(SubscriptionView::lagMillis).reversed())
                .limit(MAX_SUBSCRIPTIONS)
                .toList();
        return new LiveView(listener.subscriptions().active().size(), listener.dropped(), furthestBehind);
    }

    private static SubscriptionView subscription(LiveSubscription subscription) {
        LiveSubscription.Lag lag = subscription.lag();
        return new SubscriptionView(
                subscription.name(),
                subscription.position().value(),
                lag.versions(),
                lag.time().toMillis(),
                subscription.dropped());
    }

    record Overview(
            StoreView store,
            @Nullable ListenerView listener,
            @Nullable LiveView live) implements OperationResponseBody {}

    /** With a failure, all other values are null. */
    record StoreView(
            @Nullable String failure,
            @Nullable Integer schemaVersion,
            @Nullable Long stableVersion,
            @Nullable Long headVersion,
            @Nullable Instant latestEventAt,
            @Nullable Long latestEventAgeSeconds,
            @Nullable Integer writers,
            @Nullable String heldBy,
            @Nullable Double notificationQueueUsage,
            @Nullable Long estimatedEvents,
            @Nullable Long tableBytes,
            @Nullable Long indexBytes) {}

    record ListenerView(
            ListenerStatus.State state,
            Instant since,
            int failedAttempts,
            @Nullable Integer backendPid,
            @Nullable Instant lastNotification,
            @Nullable Double roundTripMillis,
            @Nullable String failure,
            ListenerStatus.Counts counts,
            @Nullable ReaderView reader,
            @Nullable AuditView audit)
            implements OperationResponseBody {}

    record ReaderView(long position, Instant readAt) {}

    record AuditView(@Nullable Long checkedUpTo, long checked, long lost, List<Long> firstLost, long unchecked) {}

    /** The hundred subscriptions that are furthest behind. */
    record LiveView(int count, long dropped, List<SubscriptionView> subscriptions) {}

    record SubscriptionView(String name, long position, long lagVersions, long lagMillis, long dropped) {}
}
