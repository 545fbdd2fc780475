package io.synckit.postgres.boot.actuate;

import io.synckit.EventStoreException;
import io.synckit.InvalidConnectionException;
import io.synckit.SchemaException;
import io.synckit.Version;
import io.synckit.postgres.StoreDiagnosis;
import io.synckit.postgres.StoreDiagnosis.HorizonHolder;
import io.synckit.postgres.notification.NotificationListener;
import io.synckit.postgres.schema.SchemaStatus;
import io.synckit.subscription.ListenerStatus;
import io.synckit.subscription.LiveSubscription.Lag;
import java.time.Duration;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.health.contributor.AbstractHealthIndicator;
import org.springframework.boot.health.contributor.Health;
import org.springframework.boot.health.contributor.Status;

/** Reports whether events can be stored and are delivered, and what prevents it. The details are in docs/operations.md. */
final class SynckitHealthIndicator extends AbstractHealthIndicator {

    static final Duration MAX_AGE = Duration.ofSeconds(1);

    private final StoreMonitor monitor;
    private final SynckitHealthProperties properties;
    private @Nullable Met unseen;
    private final DurableHealth durable;
    private @Nullable Stuck stuck;

    SynckitHealthIndicator(StoreMonitor monitor, SynckitHealthProperties properties) {
        super("the event store's health check failed");
        this.monitor = monitor;
        this.properties = properties;
        this.durable = new DurableHealth(monitor, properties);
    }

    @Override
    protected void doHealthCheck(Health.Builder builder) {
        Map<HealthProblem, String> problems = new EnumMap<>(HealthProblem.class);
        StoreDiagnosis diagnosis = null;
        try {
            diagnosis = monitor.diagnosis(MAX_AGE, properties.timeout());
            inspect(diagnosis, builder, problems);
        } catch (EventStoreException e) {
            problems.put(problem(e), String.valueOf(e.getMessage()));
        }
        NotificationListener listener = monitor.listener();
        if (listener != null) {
            inspect(listener.status(), builder, problems);
            inspectSubscriptions(listener, diagnosis, builder, problems);
            durable.inspect(listener, builder, problems);
            listener.historyChange()
                    .ifPresent(change -> problems.put(
                            HealthProblem.HISTORY_CHANGED,
                            "at " + change.detectedAt() + " " + change.getMessage()
                                    + "; this is shown until the listener is started again"));
            listener.audit().ifPresent(report -> inspect(report, builder, problems));
        }
        Map<String, String> named = new LinkedHashMap<>();
        problems.forEach((problem, text) -> named.put(problem.key(), text));
        builder.withDetail("problems", named);
        builder.status(problems.keySet().stream().anyMatch(this::isDown) ? Status.DOWN : Status.UP);
    }

    private static HealthProblem problem(EventStoreException failure) {
        boolean schema = failure instanceof SchemaException
                || failure instanceof InvalidConnectionException connection
                        && connection.reason() == InvalidConnectionException.Reason.MISSING_PRIVILEGE;
        return schema ? HealthProblem.SCHEMA : HealthProblem.DATABASE;
    }

    private boolean isDown(HealthProblem problem) {
        return problem == HealthProblem.DATABASE
                || problem == HealthProblem.SCHEMA
                || properties.downFor().contains(problem);
    }

    private void inspect(StoreDiagnosis diagnosis, Health.Builder builder, Map<HealthProblem, String> problems) {
        Map<String, Object> store = new LinkedHashMap<>();
        store.put("schemaVersion", diagnosis.schemaVersion());
        store.put("stableVersion", diagnosis.stable().value());
        store.put("headVersion", diagnosis.head().value());
        store.put("writers", diagnosis.writers());
        diagnosis.heldBy().ifPresent(holder -> store.put("heldBy", holder.describe()));
        store.put("notificationQueueUsage", diagnosis.notificationQueueUsage());
        builder.withDetail("store", store);
        if (diagnosis.schemaVersion() != SchemaStatus.CURRENT_VERSION) {
            boolean newer = diagnosis.schemaVersion() > SchemaStatus.CURRENT_VERSION;
            problems.put(
                    newer ? HealthProblem.SCHEMA_NEWER : HealthProblem.SCHEMA,
                    "the schema is version " + diagnosis.schemaVersion() + ", this library works with "
                            + SchemaStatus.CURRENT_VERSION
                            + (newer ? "; update this application, it would not start again" : "; run the migrations"));
        }
        HorizonHolder holder = diagnosis.heldBy().orElse(null);
        if (holder != null && age(holder, diagnosis.stable()).compareTo(properties.maxHorizonDelay()) > 0) {
            problems.put(
                    HealthProblem.HORIZON_HELD,
                    "readers wait at version " + diagnosis.stable() + " of " + diagnosis.head() + " for "
                            + holder.describe());
        }
        if (diagnosis.notificationQueueUsage() > properties.maxQueueUsage()) {
            problems.put(
                    HealthProblem.QUEUE,
                    "the server's notification queue is " + Math.round(diagnosis.notificationQueueUsage() * 100)
                            + " % full, because a session that listens (LISTEN) keeps a transaction open; see"
                            + " docs/troubleshooting.md");
        }
    }

    /** Returns the age of the transaction. If this role may not see it, the time since the first check with the same transaction and version. */
    private synchronized Duration age(HorizonHolder holder, Version stable) {
        Duration age = holder.transactionAge();
        if (age != null) {
            return age;
        }
        Met met = unseen;
        if (met == null || !met.holder.equals(holder) || !met.stable.equals(stable)) {
            met = new Met(holder, stable, System.nanoTime());
            unseen = met;
        }
        return Duration.ofNanos(System.nanoTime() - met.since);
    }

    /** A transaction whose age cannot be seen. */
    private record Met(HorizonHolder holder, Version stable, long since) {}

    private static void inspect(ListenerStatus status, Health.Builder builder, Map<HealthProblem, String> problems) {
        Map<String, Object> listener = new LinkedHashMap<>();
        listener.put("state", status.state());
        listener.put("since", status.since());
        listener.put("failedAttempts", status.attempts());
        put(listener, "backendPid", status.backendPid());
        put(listener, "lastNotification", status.lastNotification());
        Duration roundTrip = status.roundTrip();
        put(listener, "roundTripMillis", roundTrip == null ? null : roundTrip.toNanos() / 1e6);
        builder.withDetail("listener", listener);
        String failure = status.failure() == null ? "" : ": " + status.failure().getMessage();
        switch (status.state()) {
            case FAILED ->
                problems.put(
                        HealthProblem.LISTENER_FAILED,
                        "the listener has given up after " + status.attempts()
                                + " attempts, and polls; it tries again (synckit.postgres.listener.*)" + failure);
            case STOPPED ->
                problems.put(
                        HealthProblem.LISTENER_STOPPED,
                        "the listener is stopped, so nothing is delivered to live subscriptions until it is started");
            case CONNECTING, RECONNECTING, POLLING -> {
                // Without a failure it connects for the first time, or polls because of the notify mode.
                if (status.failure() != null) {
                    problems.put(HealthProblem.LISTENER_POLLING, "the listener only polls" + failure);
                }
            }
            case LISTENING -> {}
        }
    }

    private void inspectSubscriptions(
            NotificationListener listener,
            @Nullable StoreDiagnosis diagnosis,
            Health.Builder builder,
            Map<HealthProblem, String> problems) {
        Lag lag = listener.lag();
        Map<String, Object> live = new LinkedHashMap<>();
        live.put("subscriptions", listener.subscriptions().active().size());
        live.put("lagVersions", lag.versions());
        live.put("lagMillis", lag.time().toMillis());
        live.put("dropped", listener.dropped());
        builder.withDetail("live", live);
        ListenerStatus.Reader reader = listener.reader().orElse(null);
        if (reader != null) {
            builder.withDetail("reader", Map.of("position", reader.position().value(), "readAt", reader.readAt()));
            Duration unread = diagnosis == null ? Duration.ZERO : unread(reader, diagnosis.stable());
            if (unread.compareTo(properties.maxLag()) > 0) {
                problems.put(
                        HealthProblem.LAG,
                        "the reader of the live subscriptions is at version " + reader.position() + ", and there has"
                                + " been more to read for " + unread.toSeconds() + " s");
                return;
            }
        }
        if (lag.time().compareTo(properties.maxLag()) > 0) {
            problems.put(
                    HealthProblem.LAG,
                    "a live subscription is " + lag.versions() + " versions and "
                            + lag.time().toSeconds()
                            + " s behind; its handler is slow or hangs (the endpoint synckit names it)");
        }
    }

    /** Returns the time since the first check with the reader at the same position and more to read. */
    private synchronized Duration unread(ListenerStatus.Reader reader, Version stable) {
        if (reader.position().compareTo(stable) >= 0) {
            stuck = null;
            return Duration.ZERO;
        }
        Stuck last = stuck;
        if (last == null || !last.position.equals(reader.position())) {
            last = new Stuck(reader.position(), System.nanoTime());
            stuck = last;
        }
        return Duration.ofNanos(System.nanoTime() - last.since);
    }

    /** A reader that makes no progress. */
    private record Stuck(Version position, long since) {}

    private static void inspect(
            ListenerStatus.Audit report, Health.Builder builder, Map<HealthProblem, String> problems) {
        Map<String, Object> audit = new LinkedHashMap<>();
        audit.put("checked", report.checked());
        audit.put("lost", report.lost());
        audit.put("unchecked", report.unchecked());
        builder.withDetail("audit", audit);
        if (report.lost() > 0) {
            problems.put(
                    HealthProblem.LOSS,
                    report.lost() + " events were not delivered to live subscriptions, the first: " + report.firstLost()
                            + "; see docs/troubleshooting.md");
        }
    }

    private static void put(Map<String, Object> details, String key, @Nullable Object value) {
        if (value != null) {
            details.put(key, value);
        }
    }
}
