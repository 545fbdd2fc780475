package io.synckit.postgres.boot.actuate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.micrometer.observation.ObservationHandler;
import io.micrometer.observation.ObservationRegistry;
import io.micrometer.observation.ObservationTextPublisher;
import io.synckit.Event;
import io.synckit.EventStore;
import io.synckit.ExpectedStreamVersion;
import io.synckit.OnDuplicate;
import io.synckit.StoredEvent;
import io.synckit.Version;
import io.synckit.postgres.RealtimeEventStore;
import io.synckit.postgres.testing.Await;
import io.synckit.postgres.testing.CallersTransaction;
import io.synckit.postgres.testing.Collector;
import io.synckit.postgres.testing.TestDatabase;
import io.synckit.postgres.testing.TestPostgres;
import io.synckit.subscription.DurableOptions;
import io.synckit.subscription.LiveOptions;
import io.synckit.subscription.LiveOptions.SlowSubscriber;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.jdbc.autoconfigure.DataSourceAutoConfiguration;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import org.springframework.context.ApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.util.ClassUtils;

class MetricsTest {

    private TestDatabase database;
    private ApplicationContextRunner runner;
    private final Collector<StoredEvent> seen = new Collector<>();

    @BeforeEach
    void open() {
        database = TestPostgres.shared().migratedDatabase();
        runner = Applications.on(database);
    }

    @AfterEach
    void close() {
        database.close();
    }

    private void useEverything(ApplicationContext context) throws InterruptedException {
        EventStore store = context.getBean(EventStore.class);
        if (store instanceof RealtimeEventStore live) {
            Await.until(live::isListenerConnected);
            live.subscriptions().live(LiveOptions.named("test"), seen::add);
            live.subscriptions().durable(DurableOptions.named("test"), (stored, it) -> {});
        }
        Event event = Event.of("a", "T", 1);
        store.store(event);
        store.storeBatch(List.of(Event.of("a", "T", 2), Event.of("a", "T", 3)));
        store.load(Version.ZERO);
        assertThat(catchThrowable(() -> store.store(event))).isNotNull();
        store.store(event, OnDuplicate.RETURN_EXISTING);
        assertThat(catchThrowable(
                        () -> store.append("a", ExpectedStreamVersion.noStream(), List.of(Event.of("a", "T", 4)))))
                .isNotNull();
        if (store instanceof RealtimeEventStore) {
            seen.next(3);
        }
    }

    private static double gauge(ApplicationContext context, String name, String... tags) {
        return context.getBean(MeterRegistry.class).get(name).tags(tags).gauge().value();
    }

    private static double counter(ApplicationContext context, String name, String... tags) {
        return context.getBean(MeterRegistry.class)
                .get(name)
                .tags(tags)
                .counter()
                .count();
    }

    private static long timer(ApplicationContext context, String name, String... tags) {
        return context.getBean(MeterRegistry.class).get(name).tags(tags).timer().count();
    }

    @Test
    void operationsAreCountedAndTimed() {
        runner.run(context -> {
            useEverything(context);
            assertThat(timer(context, "synckit.operations", "operation", "store", "error", "none"))
                    .isEqualTo(2);
            assertThat(timer(context, "synckit.operations", "operation", "store", "error", "DuplicateEventException"))
                    .isEqualTo(1);
            assertThat(counter(context, "synckit.events", "operation", "store")).isEqualTo(1);
            assertThat(counter(context, "synckit.events", "operation", "storeBatch"))
                    .isEqualTo(2);
            assertThat(counter(context, "synckit.events", "operation", "load")).isEqualTo(3);
            assertThat(counter(context, "synckit.duplicates")).isEqualTo(2);
            assertThat(counter(context, "synckit.conflicts")).isEqualTo(1);
            Await.until(() -> timer(context, "synckit.handlers", "kind", "live", "replay", "false") == 3);
            assertThat(timer(context, "synckit.delivery.delay", "kind", "live")).isEqualTo(3);
        });
    }

    @Test
    void storeAsyncEventsCountWhenStored() {
        runner.run(context -> {
            context.getBean(EventStore.class).storeAsync(Event.of("a", "T", 1)).join();
            assertThat(timer(context, "synckit.operations", "operation", "storeAsync", "error", "none"))
                    .isEqualTo(1);
            assertThat(counter(context, "synckit.events", "operation", "storeGroup"))
                    .isEqualTo(1);
            assertThat(gauge(context, "synckit.store.waiting")).isZero();
        });
    }

    @Test
    void listenerAndHorizonAreMeasured() {
        runner.run(context -> {
            useEverything(context);
            assertThat(gauge(context, "synckit.listener.state", "state", "listening"))
                    .isEqualTo(1);
            assertThat(gauge(context, "synckit.listener.state", "state", "failed"))
                    .isZero();
            assertThat(gauge(context, "synckit.listener.round.trip")).isPositive();
            Await.until(() -> gauge(context, "synckit.reader.position") == 3);
            assertThat(gauge(context, "synckit.subscriptions", "kind", "live")).isEqualTo(1);
            // Three events, and the one that was refused has drawn a number.
            // A gauge is NaN while the database has not answered.
            Await.until(() -> gauge(context, "synckit.store.head") == 4);
            assertThat(gauge(context, "synckit.store.horizon.delay")).isZero();
            assertThat(gauge(context, "synckit.notification.queue")).isBetween(0.0, 1.0);
            RealtimeEventStore store = context.getBean(RealtimeEventStore.class);
            database.execute(
                    "select pg_terminate_backend(" + store.listener().status().backendPid() + ")");
            Await.until(() -> context.getBean(MeterRegistry.class)
                            .get("synckit.listener.reconnects")
                            .functionCounter()
                            .count()
                    == 1);
            assertThat(context.getBean(MeterRegistry.class)
                            .get("synckit.listener.notifications")
                            .functionCounter()
                            .count())
                    .isPositive();
        });
    }

    @Test
    void transactionThatHoldsTheHorizonIsMeasured() {
        runner.run(context -> {
            try (CallersTransaction open = CallersTransaction.begin(database)) {
                open.store().store(Event.of("a", "T", 1));
                RealtimeEventStore store = context.getBean(RealtimeEventStore.class);
                Await.until(() ->
                        store.diagnose().heldBy().orElseThrow().transactionAge().toMillis() >= 100);
                assertThat(gauge(context, "synckit.store.writers")).isEqualTo(1);
                Await.until(() -> gauge(context, "synckit.store.head") == 1);
                assertThat(gauge(context, "synckit.store.stable")).isZero();
                assertThat(context.getBean(MeterRegistry.class)
                                .get("synckit.store.horizon.delay")
                                .timeGauge()
                                .value(TimeUnit.SECONDS))
                        .isGreaterThanOrEqualTo(0.1);
            }
        });
    }

    @Test
    void lagAndDroppedEventsAreMeasured() {
        runner.run(context -> {
            CountDownLatch release = new CountDownLatch(1);
            RealtimeEventStore store = context.getBean(RealtimeEventStore.class);
            Await.until(store::isListenerConnected);
            store.subscriptions().live(LiveOptions.named("test").buffer(1).whenSlow(SlowSubscriber.DROP), event -> {
                seen.add(event);
                release.await();
            });
            store.store(Event.of("a", "T", 0));
            seen.next();
            for (int i = 1; i < 5; i++) {
                store.store(Event.of("a", "T", i));
                long version = i + 1;
                Await.until(
                        () -> store.listener().reader().orElseThrow().position().value() == version);
            }
            assertThat(gauge(context, "synckit.subscriptions.lag", "kind", "live"))
                    .isEqualTo(5);
            assertThat(gauge(context, "synckit.subscriptions.lag.time", "kind", "live"))
                    .isPositive();
            release.countDown();
            Await.until(() -> gauge(context, "synckit.subscriptions.lag", "kind", "live") == 0);
            assertThat(context.getBean(MeterRegistry.class)
                            .get("synckit.subscriptions.dropped")
                            .functionCounter()
                            .count())
                    .isPositive();
        });
    }

    @Test
    void dedicatedPoolIsMeasured() {
        runner.withConfiguration(AutoConfigurations.of(
                        org.springframework.boot.jdbc.autoconfigure.metrics.DataSourcePoolMetricsAutoConfiguration
                                .class))
                .withPropertyValues("synckit.postgres.url=" + database.url(), "spring.datasource.hikari.pool-name=shop")
                .run(context -> {
                    context.getBean(EventStore.class).store(Event.of("a", "T", 1));
                    context.getBean(javax.sql.DataSource.class).getConnection().close();
                    assertThat(gauge(context, "hikaricp.connections", "pool", "synckit-events"))
                            .isPositive();
                    assertThat(gauge(context, "hikaricp.connections", "pool", "shop"))
                            .isPositive();
                });
    }

    /** Scraping must not hang with the database. */
    @Test
    void unknownValuesAreNaN() {
        runner.withPropertyValues(
                        "spring.datasource.hikari.maximum-pool-size=1", "synckit.postgres.listener.enabled=false")
                .run(context -> {
                    try (java.sql.Connection all =
                            context.getBean(javax.sql.DataSource.class).getConnection()) {
                        assertThat(all.isValid(30)).isTrue();
                        assertThat(gauge(context, "synckit.store.head")).isNaN();
                        assertThat(gauge(context, "synckit.store.writers")).isNaN();
                    }
                });
    }

    @Test
    void theyCanBeSwitchedOff() {
        runner.withPropertyValues("synckit.postgres.enable-metrics=false").run(context -> {
            useEverything(context);
            assertThat(context.getBean(MeterRegistry.class).getMeters())
                    .noneMatch(meter -> meter.getId().getName().startsWith("synckit"));
        });
    }

    @Test
    void withoutARegistryThereAreNone() {
        new ApplicationContextRunner()
                .withConfiguration(AutoConfigurations.of(DataSourceAutoConfiguration.class))
                .withConfiguration(AutoConfigurations.of(Applications.ours()))
                .withPropertyValues("spring.datasource.url=" + database.url())
                .run(context -> {
                    useEverything(context);
                    assertThat(context)
                            .doesNotHaveBean(io.synckit.Instrumentation.class)
                            .doesNotHaveBean(StoreMetrics.class);
                });
    }

    @Test
    void registryWithoutObservationsIsSufficient() {
        new ApplicationContextRunner()
                .withConfiguration(AutoConfigurations.of(DataSourceAutoConfiguration.class))
                .withConfiguration(AutoConfigurations.of(Applications.ours()))
                .withPropertyValues("spring.datasource.url=" + database.url())
                .withBean(MeterRegistry.class, SimpleMeterRegistry::new)
                .run(context -> {
                    useEverything(context);
                    assertThat(timer(context, "synckit.operations", "operation", "store", "error", "none"))
                            .isEqualTo(2);
                });
    }

    /** Records observations. */
    private static ApplicationContextRunner observed(ApplicationContextRunner runner) {
        return runner.withBean("mine", ObservationHandler.class, () -> context -> true);
    }

    @Test
    void observationsAreMadeWhereSomebodyHearsOfThem() {
        runner.run(context -> assertThat(context).hasSingleBean(TimedOperations.class));
        observed(runner).run(context -> assertThat(context).hasSingleBean(ObservedOperations.class));
        runner.withPropertyValues("management.observations.key-values.region=eu")
                .run(context -> {
                    useEverything(context);
                    assertThat(timer(
                                    context,
                                    "synckit.operations",
                                    "operation",
                                    "store",
                                    "error",
                                    "none",
                                    "region",
                                    "eu"))
                            .isEqualTo(2);
                });
        runner.withPropertyValues("management.observations.enable.synckit=false")
                .run(context -> {
                    useEverything(context);
                    assertThat(context.getBean(MeterRegistry.class)
                                    .find("synckit.operations")
                                    .timer())
                            .isNull();
                });
        observed(runner).run(context -> {
            useEverything(context);
            assertThat(timer(context, "synckit.operations", "operation", "store", "error", "DuplicateEventException"))
                    .isEqualTo(1);
            assertThat(counter(context, "synckit.conflicts")).isEqualTo(1);
            assertThat(counter(context, "synckit.duplicates")).isEqualTo(2);
        });
    }

    /** However they are declared. */
    @Configuration(proxyBeanMethods = false)
    static class Listening {

        @Bean
        static ObservationTextPublisher publisher() {
            return new ObservationTextPublisher(line -> {});
        }
    }

    @Test
    void observersAreFoundHoweverTheyAreDeclared() {
        runner.withUserConfiguration(Listening.class)
                .run(context -> assertThat(context).hasSingleBean(ObservedOperations.class));
        runner.withBean(ObservationRegistry.class, ObservationRegistry::create)
                .run(context -> assertThat(context).hasSingleBean(ObservedOperations.class));
    }

    /** The module is there, and no tracer: Boot puts one that does nothing in its place. */
    @Test
    void noopTracerIsNoObserver() {
        runner.withConfiguration(AutoConfigurations.of(
                        org.springframework.boot.micrometer.tracing.autoconfigure.MicrometerTracingAutoConfiguration
                                .class,
                        ClassUtils.resolveClassName(
                                "org.springframework.boot.micrometer.tracing.autoconfigure.NoopTracerAutoConfiguration",
                                null)))
                .run(context -> assertThat(context)
                        .hasSingleBean(io.micrometer.tracing.Tracer.class)
                        .hasSingleBean(TimedOperations.class));
    }

    @Test
    void severalRegistriesOfWhichNoneIsPrimaryAreNoReasonNotToStart() {
        new ApplicationContextRunner()
                .withConfiguration(AutoConfigurations.of(DataSourceAutoConfiguration.class))
                .withConfiguration(AutoConfigurations.of(Applications.ours()))
                .withPropertyValues("spring.datasource.url=" + database.url())
                .withBean("first", MeterRegistry.class, SimpleMeterRegistry::new)
                .withBean("second", MeterRegistry.class, SimpleMeterRegistry::new)
                .run(context -> assertThat(context).hasNotFailed().doesNotHaveBean(StoreMetrics.class));
    }

    /** As go-sync-kit's zero time, and what PostgreSQL knows besides. */
    @Test
    void eventsOfAnyTimeReachTheirHandlers() {
        runner.run(context -> {
            RealtimeEventStore store = context.getBean(RealtimeEventStore.class);
            store.subscriptions().live(LiveOptions.named("test"), seen::add);
            for (String time : List.of("0001-01-01", "infinity", "-infinity", "4000-01-01")) {
                database.execute("insert into synckit.events (id, aggregate_id, event_type, data, created_at)"
                        + " values ('" + time + "', 'a', 'T', '1', '" + time + "')");
                assertThat(context.getBean(SynckitEndpoint.class)
                                .overview()
                                .store()
                                .failure())
                        .isNull();
            }
            store.store(Event.of("a", "T", 1));

            assertThat(seen.next(5)).extracting(StoredEvent::streamVersion).containsExactly(1L, 2L, 3L, 4L, 5L);
        });
    }

    /** Rows of docs/metrics.md: name, type, unit, tags. Without observations there are no timers of what runs now. */
    @Test
    void pageListsTheRegisteredMeters() throws IOException {
        Set<String> documented = Pattern.compile("(?m)^\\| `(synckit[^`]*)` \\| (\\w+) \\| (\\w*) \\| ([^|]*) \\|")
                .matcher(Files.readString(Path.of("..", "docs", "metrics.md")))
                .results()
                .map(row -> row.group(1) + " " + row.group(2) + " " + row.group(3) + " "
                        + new TreeSet<>(List.of(row.group(4).replace("`", "").split(", "))))
                .collect(Collectors.toCollection(TreeSet::new));
        Set<String> withoutObservations = new TreeSet<>(documented);
        withoutObservations.removeIf(row -> row.contains("long_task_timer"));
        assertRegistered(runner, withoutObservations);
        assertRegistered(observed(runner), documented);
    }

    private void assertRegistered(ApplicationContextRunner application, Set<String> documented) {
        application.run(context -> {
            useEverything(context);
            Set<String> registered = context.getBean(MeterRegistry.class).getMeters().stream()
                    .map(Meter::getId)
                    .filter(id -> id.getName().startsWith("synckit"))
                    .map(id -> id.getName() + " "
                            + id.getType().name().toLowerCase(Locale.ROOT) + " "
                            + (id.getBaseUnit() == null ? "" : id.getBaseUnit()) + " "
                            + new TreeSet<>(
                                    id.getTags().isEmpty()
                                            ? List.of("")
                                            : id.getTags().stream()
                                                    .map(tag -> tag.getKey())
                                                    .toList()))
                    .collect(Collectors.toCollection(TreeSet::new));
            assertThat(documented).isEqualTo(registered);
        });
    }
}
