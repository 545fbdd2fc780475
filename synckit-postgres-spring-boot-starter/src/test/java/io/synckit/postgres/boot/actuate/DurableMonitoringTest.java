package io.synckit.postgres.boot.actuate;

import static org.assertj.core.api.Assertions.assertThat;

import io.micrometer.core.instrument.MeterRegistry;
import io.synckit.Event;
import io.synckit.EventStore;
import io.synckit.StoredEvent;
import io.synckit.Version;
import io.synckit.postgres.boot.SynckitListener;
import io.synckit.postgres.testing.Await;
import io.synckit.postgres.testing.TestDatabase;
import io.synckit.postgres.testing.TestPostgres;
import io.synckit.subscription.DurableOptions.OnExhausted;
import io.synckit.subscription.DurableSubscription;
import io.synckit.subscription.DurableSubscription.Outcome;
import io.synckit.subscription.EventSubscriptions;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.springframework.boot.health.contributor.Health;
import org.springframework.boot.health.contributor.Status;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import org.springframework.context.ApplicationContext;

/** Meters, health and endpoint of durable subscriptions. */
class DurableMonitoringTest {

    private static final Duration LONG = Duration.ofMinutes(4);

    @RegisterExtension
    private final TestDatabase database = TestPostgres.shared().migratedDatabase();

    private ApplicationContextRunner runner;

    @BeforeEach
    void open() {
        runner = Applications.on(database).withUserConfiguration(Handlers.class);
    }

    static class Handlers {

        final CountDownLatch hanging = new CountDownLatch(1);
        final CountDownLatch goOn = new CountDownLatch(1);

        @SynckitListener(subscription = "orders", partitions = 2, maxRetries = 0)
        void on(StoredEvent event) throws InterruptedException {
            if (event.type().equals("Bad")) {
                throw new IllegalStateException("on purpose");
            }
            if (event.type().equals("Hangs")) {
                hanging.countDown();
                goOn.await(4, TimeUnit.MINUTES);
            }
        }

        @SynckitListener(subscription = "strict", types = "Stops", maxRetries = 0, onExhausted = OnExhausted.STOP)
        void strict(StoredEvent event) {
            throw new IllegalStateException("stops on purpose");
        }
    }

    private static DurableSubscription orders(ApplicationContext context) {
        return context.getBean(EventSubscriptions.class).durable().stream()
                .filter(subscription -> subscription.name().equals("orders"))
                .findFirst()
                .orElseThrow();
    }

    private static double sum(ApplicationContext context, String meter) {
        return context.getBean(MeterRegistry.class).find(meter).tag("subscription", "orders").meters().stream()
                .flatMap(found ->
                        java.util.stream.StreamSupport.stream(found.measure().spliterator(), false))
                .mapToDouble(measurement -> measurement.getValue())
                .sum();
    }

    private static Health health(ApplicationContext context) {
        return context.getBean(SynckitHealthIndicator.class).health();
    }

    @SuppressWarnings("unchecked")
    private static Map<String, String> problems(Health health) {
        return (Map<String, String>) health.getDetails().get("problems");
    }

    private static void untilProblem(ApplicationContext context, String problem) {
        Await.until(() -> problems(health(context)).containsKey(problem));
    }

    @Test
    void metersCountByPartition() {
        runner.run(context -> {
            EventStore store = context.getBean(EventStore.class);
            Version last = Version.ZERO;
            for (int i = 0; i < 10; i++) {
                last = store.store(Event.of("a-" + i, "Good", i)).version();
            }
            store.store(Event.of("a-1", "Bad", 1));
            assertThat(orders(context).await(last, LONG)).isEqualTo(Outcome.HANDLED);
            // The counters change after the outcome is stored.
            Await.until(() -> sum(context, "synckit.durable.parked") == 1);
            Await.until(() -> sum(context, "synckit.durable.handled") == 10);

            assertThat(sum(context, "synckit.durable.failed")).isEqualTo(1);
            assertThat(sum(context, "synckit.durable.owned")).isEqualTo(2);
            assertThat(sum(context, "synckit.durable.claims")).isEqualTo(2);
            Await.until(() -> sum(context, "synckit.durable.lag") == 0);
            assertThat(context.getBean(MeterRegistry.class)
                            .get("synckit.handlers")
                            .tag("kind", "durable")
                            .tag("subscription", "orders")
                            .tag("error", "none")
                            .timer()
                            .count())
                    .isEqualTo(10);
        });
    }

    @Test
    void restartedSubscriptionHasMeters() {
        runner.run(context -> {
            context.getSourceApplicationContext().stop();
            context.getSourceApplicationContext().start();
            Version last = context.getBean(EventStore.class)
                    .store(Event.of("a", "Good", 1))
                    .version();
            assertThat(orders(context).await(last, LONG)).isEqualTo(Outcome.HANDLED);

            Await.until(() -> sum(context, "synckit.durable.handled") == 1);
        });
    }

    private static double stored(ApplicationContext context, String meter, String subscription, String... tags) {
        return context.getBean(MeterRegistry.class)
                .get(meter)
                .tag("subscription", subscription)
                .tags(tags)
                .gauge()
                .value();
    }

    /** Counters begin at 0 in the next process, although the key still waits. */
    @Test
    void metersShowWhatWaitsForAnOperatorAfterARestart() {
        runner.run(context -> {
            EventStore store = context.getBean(EventStore.class);
            store.store(Event.of("a", "Bad", 1));
            store.store(Event.of("b", "Stops", 1));
            untilProblem(context, "parked");
            untilProblem(context, "subscription-stopped");
        });
        runner.run(context -> {
            Await.until(() -> stored(context, "synckit.durable.keys", "orders", "state", "parked") == 1);
            Await.until(() -> stored(context, "synckit.durable.stopped", "strict") == 1);

            assertThat(sum(context, "synckit.durable.parked")).isZero();
            assertThat(stored(context, "synckit.durable.keys", "orders", "state", "retrying"))
                    .isZero();
            assertThat(stored(context, "synckit.durable.stopped", "orders")).isZero();
        });
    }

    @Test
    void healthNamesParkedKeysAndStoppedPartitions() {
        runner.run(context -> {
            EventStore store = context.getBean(EventStore.class);
            Await.until(() -> problems(health(context)).isEmpty());
            store.store(Event.of("a", "Bad", 1));
            store.store(Event.of("b", "Stops", 1));

            untilProblem(context, "parked");
            untilProblem(context, "subscription-stopped");

            Health health = health(context);
            assertThat(health.getStatus()).isEqualTo(Status.UP);
            assertThat(problems(health).get("parked")).contains("'orders'", "docs/durable.md");
            assertThat(problems(health).get("subscription-stopped")).contains("'strict'", "stops on purpose");
            assertThat(health.getDetails().get("durable").toString()).contains("parkedKeys=1");
        });
    }

    @Test
    void healthNamesAHandlerThatHangs() {
        runner.withPropertyValues(
                        "synckit.postgres.health.max-handler-time=10ms",
                        "synckit.postgres.health.max-lag=10ms",
                        "synckit.postgres.health.down-for=handler-slow")
                .run(context -> {
                    Handlers handlers = context.getBean(Handlers.class);
                    context.getBean(EventStore.class).store(Event.of("a", "Hangs", 1));
                    assertThat(handlers.hanging.await(4, TimeUnit.MINUTES)).isTrue();

                    untilProblem(context, "handler-slow");
                    untilProblem(context, "lag");
                    assertThat(health(context).getStatus()).isEqualTo(Status.DOWN);
                    handlers.goOn.countDown();
                    Await.until(() -> problems(health(context)).isEmpty());
                });
    }

    @Test
    void healthNamesAPartitionWithoutAnOwner() {
        runner.withPropertyValues("synckit.postgres.health.max-lag=1ms").run(context -> {
            Await.until(() -> problems(health(context)).isEmpty());
            context.getBean(EventStore.class); // the subscription stays started, its listener is stopped
            Await.until(() -> stored(context, "synckit.durable.unowned", "orders") == 0);
            context.getBean(SynckitEndpoint.class).operate("listener", "stop");

            untilProblem(context, "subscription-unowned");
            Await.until(() -> stored(context, "synckit.durable.unowned", "orders") == 2);
        });
    }

    @Test
    void endpointShowsAllInstancesAndThisOne() {
        runner.run(context -> {
            Version last = context.getBean(EventStore.class)
                    .store(Event.of("a", "Good", 1))
                    .version();
            assertThat(orders(context).await(last, LONG)).isEqualTo(Outcome.HANDLED);
            Await.until(() -> view(context).stored().unowned() == 0);

            DurableView orders = view(context);

            assertThat(orders.stored().partitions()).isEqualTo(2);
            assertThat(orders.here()).hasSize(2);
            Await.until(() -> view(context).here().stream()
                            .mapToLong(here -> here.counts().handled())
                            .sum()
                    == 1);
        });
    }

    private static DurableView view(ApplicationContext context) {
        return context.getBean(SynckitEndpoint.class).overview().durable().stream()
                .filter(view -> view.name().equals("orders"))
                .findFirst()
                .orElseThrow();
    }
}
