package io.synckit.postgres.boot.actuate;

import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.TimeGauge;
import io.micrometer.core.instrument.binder.MeterBinder;
import io.synckit.EventStoreException;
import io.synckit.postgres.StoreDiagnosis;
import io.synckit.postgres.StoreDiagnosis.HorizonHolder;
import io.synckit.postgres.notification.NotificationListener;
import io.synckit.subscription.DurableStatus;
import io.synckit.subscription.ListenerStatus;
import io.synckit.subscription.ListenerStatus.State;
import java.time.Duration;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.function.ToDoubleFunction;
import org.jspecify.annotations.Nullable;

/** The meters besides those of the operations; docs/metrics.md lists them. An unknown value is NaN. */
final class StoreMetrics implements MeterBinder {

    /** Maximum age of a result. Within this time, scrapes share one query of the store and one of durable subscriptions. */
    private static final Duration MAX_AGE = Duration.ofSeconds(5);

    private static final Duration TIMEOUT = Duration.ofMillis(500);

    private final StoreMonitor monitor;

    StoreMetrics(StoreMonitor monitor) {
        this.monitor = monitor;
    }

    @Override
    public void bindTo(MeterRegistry registry) {
        bindStore(registry);
        NotificationListener listener = monitor.listener();
        if (listener != null) {
            bindListener(registry, listener);
            bindLive(registry, listener);
            listener.watchDurable(new DurableMetrics(registry, this::queriedDurable)::bind);
        }
    }

    private void bindStore(MeterRegistry registry) {
        store(
                registry,
                "synckit.store.stable",
                "versions",
                "Highest version that readers can read",
                diagnosis -> diagnosis.stable().value());
        store(
                registry,
                "synckit.store.head",
                "versions",
                "Highest version given out",
                diagnosis -> diagnosis.head().value());
        store(
                registry,
                "synckit.store.writers",
                "transactions",
                "Open transactions that have stored events",
                StoreDiagnosis::writers);
        Gauge.builder("synckit.store.waiting", monitor, StoreMonitor::waiting)
                .description("Events that storeAsync and appendAsync have accepted and not begun to store")
                .baseUnit("events")
                .register(registry);
        TimeGauge.builder(
                        "synckit.store.horizon.delay",
                        this,
                        TimeUnit.MILLISECONDS,
                        metrics -> metrics.queried(StoreMetrics::horizonMillis))
                .description("Age of the transaction that holds the horizon; 0 if there is none")
                .register(registry);
        Gauge.builder(
                        "synckit.notification.queue",
                        this,
                        metrics -> metrics.queried(StoreDiagnosis::notificationQueueUsage))
                .description("Usage of the server's notification queue, from 0 to 1")
                .baseUnit("ratio")
                .register(registry);
    }

    private void store(
            MeterRegistry registry,
            String name,
            String unit,
            String description,
            ToDoubleFunction<StoreDiagnosis> value) {
        Gauge.builder(name, this, metrics -> metrics.queried(value))
                .description(description)
                .baseUnit(unit)
                .register(registry);
    }

    private double queried(ToDoubleFunction<StoreDiagnosis> value) {
        try {
            return value.applyAsDouble(monitor.diagnosis(MAX_AGE, TIMEOUT));
        } catch (EventStoreException e) {
            return Double.NaN; // the health indicator names the cause
        }
    }

    private double queriedDurable(String subscription, ToDoubleFunction<DurableStatus.Summary> value) {
        try {
            return monitor.durable(MAX_AGE, TIMEOUT).stream()
                    .filter(summary -> summary.name().equals(subscription))
                    .mapToDouble(value)
                    .findFirst()
                    .orElse(Double.NaN);
        } catch (EventStoreException e) {
            return Double.NaN;
        }
    }

    private static double horizonMillis(StoreDiagnosis diagnosis) {
        HorizonHolder holder = diagnosis.heldBy().orElse(null);
        if (holder == null) {
            return 0;
        }
        Duration age = holder.transactionAge();
        return age == null ? Double.NaN : age.toMillis();
    }

    private static void bindListener(MeterRegistry registry, NotificationListener listener) {
        for (State state : State.values()) {
            Gauge.builder("synckit.listener.state", listener, it -> it.status().state() == state ? 1 : 0)
                    .description("1 for the state that the listener is in, 0 for the others")
                    .tag("state", state.name().toLowerCase(Locale.ROOT))
                    .register(registry);
        }
        count(
                registry,
                listener,
                "reconnects",
                "Connections that were lost and replaced",
                ListenerStatus.Counts::reconnects);
        count(
                registry,
                listener,
                "notifications",
                "Notifications that were received",
                ListenerStatus.Counts::notifications);
        count(registry, listener, "polls", "Reads without a notification", ListenerStatus.Counts::polls);
        count(registry, listener, "polls.failed", "Polls that have failed", ListenerStatus.Counts::failedPolls);
        TimeGauge.builder(
                        "synckit.listener.round.trip",
                        listener,
                        TimeUnit.NANOSECONDS,
                        it -> orNaN(it.status().roundTrip(), Duration::toNanos))
                .description("Round trip of the last probe of the listener's connection")
                .register(registry);
        Gauge.builder(
                        "synckit.reader.position",
                        listener,
                        it -> orNaN(it.reader().orElse(null), StoreMetrics::position))
                .description("Last version that was handed to subscriptions")
                .baseUnit("versions")
                .register(registry);
        FunctionCounter.builder(
                        "synckit.audit.checked",
                        listener,
                        it -> it.audit().map(report -> report.checked()).orElse(0L))
                .description("Events that were compared with the delivered ones")
                .baseUnit("events")
                .register(registry);
        FunctionCounter.builder(
                        "synckit.audit.unchecked",
                        listener,
                        it -> it.audit().map(report -> report.unchecked()).orElse(0L))
                .description("Events that could not be compared")
                .baseUnit("events")
                .register(registry);
        FunctionCounter.builder(
                        "synckit.audit.lost",
                        listener,
                        it -> it.audit().map(report -> report.lost()).orElse(0L))
                .description("Events that were not delivered; must stay 0")
                .baseUnit("events")
                .register(registry);
    }

    private static double position(ListenerStatus.Reader reader) {
        return reader.position().value();
    }

    private static <T> double orNaN(@Nullable T value, ToDoubleFunction<T> number) {
        return value == null ? Double.NaN : number.applyAsDouble(value);
    }

    private static void count(
            MeterRegistry registry,
            NotificationListener listener,
            String name,
            String description,
            Function<ListenerStatus.Counts, Long> value) {
        FunctionCounter.builder("synckit.listener." + name, listener, it -> value.apply(it.counts()))
                .description(description)
                .register(registry);
    }

    private static void bindLive(MeterRegistry registry, NotificationListener listener) {
        Gauge.builder(
                        "synckit.subscriptions",
                        listener,
                        it -> it.subscriptions().active().size())
                .description("Subscriptions")
                .baseUnit("subscriptions")
                .tag("kind", "live")
                .register(registry);
        Gauge.builder("synckit.subscriptions.lag", listener, it -> it.lag().versions())
                .description("Lag of the subscription that is furthest behind")
                .baseUnit("versions")
                .tag("kind", "live")
                .register(registry);
        TimeGauge.builder(
                        "synckit.subscriptions.lag.time",
                        listener,
                        TimeUnit.MILLISECONDS,
                        it -> it.lag().time().toMillis())
                .description("Time by which the subscription that is furthest behind lags")
                .tag("kind", "live")
                .register(registry);
        FunctionCounter.builder("synckit.subscriptions.dropped", listener, it -> it.dropped())
                .description("Events that were not delivered to slow subscribers")
                .baseUnit("events")
                .tag("kind", "live")
                .register(registry);
    }
}
