package io.synckit.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import io.synckit.Event;
import io.synckit.postgres.testing.Await;
import io.synckit.postgres.testing.DurableProcess;
import io.synckit.postgres.testing.DurableProcesses;
import io.synckit.postgres.testing.TestDatabase;
import io.synckit.postgres.testing.TestPostgres;
import io.synckit.subscription.DurableOptions;
import io.synckit.subscription.DurableOptions.Delivery;
import io.synckit.subscription.DurableSubscription;
import io.synckit.subscription.DurableSubscription.Outcome;
import io.synckit.subscription.DurableSubscription.State;
import io.synckit.subscription.StartFrom;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Unusual keys of durable subscriptions, and many keys that fail. */
class DurableKeyTest {

    private static final Duration LONG = Duration.ofMinutes(4);

    private static final String PARKED =
            "select count(*) from synckit.events_parked where retry_at is null and command is null";

    @RegisterExtension
    private final TestDatabase database = TestPostgres.shared().migratedDatabase();

    @RegisterExtension
    private final DurableProcesses processes = new DurableProcesses(database);

    private final List<Object> handled = new CopyOnWriteArrayList<>();

    private void store(String aggregateId, Object data) {
        processes.store().store(Event.of(aggregateId, "T", data));
    }

    private static DurableOptions options() {
        return DurableOptions.named("numbers")
                .startFrom(StartFrom.beginning())
                .backoff(Duration.ofMillis(20), 1, Duration.ofMillis(20));
    }

    private Outcome await(DurableSubscription subscription) throws InterruptedException {
        return subscription.await(processes.store().latestVersion(), LONG);
    }

    /** The key of an event whose key could not be evaluated begins with these words. */
    @ParameterizedTest
    @ValueSource(strings = {"event without key: 1", "event without key: x"})
    void aggregateIdLikeAnInternalKeyIsRetried(String id) throws InterruptedException {
        AtomicInteger failures = new AtomicInteger();
        store("key", "first");
        store(id, "second");
        DurableSubscription subscription = processes
                .start()
                .subscriptions()
                .durable(options().delivery(Delivery.EXACTLY_ONCE), (event, context) -> {
                    if (event.aggregateId().equals(id) && failures.incrementAndGet() <= 3) {
                        throw new IllegalStateException("on purpose");
                    }
                    handled.add(event.data());
                });

        assertThat(await(subscription)).isEqualTo(Outcome.HANDLED);
        assertThat(handled).containsExactly("first", "second");
    }

    /** A key that is too long for the index of the table, two that PostgreSQL rejects or changes, and one that another event could have. */
    @ParameterizedTest
    @ValueSource(strings = {"long", "\0", "half \uD83D", "event without key: 1"})
    void eventWhoseKeyCannotBeStoredIsParked(String key) throws InterruptedException {
        store("key", "first");
        store("key", "bad");
        store("key", "third");
        DurableSubscription subscription = processes
                .start()
                .subscriptions()
                .durable(
                        options()
                                .maxRetries(1)
                                .keyedBy(event -> !event.data().equals("bad")
                                        ? event.aggregateId()
                                        : key.equals("long") ? "k".repeat(256) : key),
                        (event, context) -> handled.add(event.data()));

        assertThat(await(subscription)).isEqualTo(Outcome.PARKED);
        assertThat(handled).containsExactly("first", "third");
        assertThat(subscription.parked(10)).singleElement().satisfies(parked -> {
            assertThat(parked.key()).isEqualTo("event without key: 2");
            assertThat(parked.failure()).contains("for the event at version 2", "return at most 255 characters");
        });
    }

    /** The next version of an application has another key function. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void parkedEventIsHandledAlthoughItsKeyIsAnotherOneNow(boolean keyedBefore) throws InterruptedException {
        UnaryOperator<DurableOptions> keyed = options -> options.keyedBy(event -> "tenant-" + event.aggregateId());
        UnaryOperator<DurableOptions> plain = options -> options;
        store("a", "first");
        store("b", "second");
        DurableProcess old = processes.start();
        DurableSubscription before = old.subscriptions()
                .durable((keyedBefore ? keyed : plain).apply(options().maxRetries(0)), (event, context) -> {
                    if (event.data().equals("first")) {
                        throw new IllegalStateException("on purpose");
                    }
                    handled.add(event.data());
                });
        assertThat(await(before)).isEqualTo(Outcome.PARKED);
        old.close();

        DurableSubscription after = processes
                .start()
                .subscriptions()
                .durable(
                        (keyedBefore ? plain : keyed).apply(options().maxRetries(0)),
                        (event, context) -> handled.add(event.data()));
        assertThat(after.requeueAll()).isEqualTo(1);

        assertThat(await(after)).isEqualTo(Outcome.HANDLED);
        assertThat(handled).containsExactly("second", "first");
    }

    /** The second event may be of the key that waits, so the key waits at it. In fact it was handled with another key. */
    @Test
    void keyWaitsAtAnEventWhoseKeyCannotBeEvaluated() throws InterruptedException {
        AtomicBoolean handlerFails = new AtomicBoolean(true);
        AtomicBoolean keyFails = new AtomicBoolean();
        store("a", "first");
        store("b", "second");
        store("a", "third");
        DurableSubscription subscription = processes
                .start()
                .subscriptions()
                .durable(
                        options().maxRetries(0).keyedBy(event -> {
                            if (keyFails.get() && !event.data().equals("first")) {
                                throw new IllegalStateException("the lookup of the tenant has failed");
                            }
                            return "tenant-" + event.aggregateId();
                        }),
                        (event, context) -> {
                            if (event.data().equals("first") && handlerFails.get()) {
                                throw new IllegalStateException("on purpose");
                            }
                            handled.add(event.data());
                        });
        assertThat(await(subscription)).isEqualTo(Outcome.PARKED);
        handlerFails.set(false);
        keyFails.set(true);
        assertThat(subscription.requeue("tenant-a")).isTrue();
        Await.until(
                database,
                "select failure_type from synckit.events_parked where retry_at is null and next_version = 2",
                "java.lang.IllegalStateException");
        assertThat(subscription.parked(10))
                .singleElement()
                .satisfies(parked -> assertThat(parked.failure()).contains("the lookup of the tenant has failed"));

        keyFails.set(false);
        subscription.requeue("tenant-a");

        assertThat(await(subscription)).isEqualTo(Outcome.HANDLED);
        assertThat(handled).containsExactly("second", "first", "third");
    }

    /** The failed event is of its key, although that cannot be evaluated at the retry. */
    @Test
    void failedEventKeepsItsKey() throws InterruptedException {
        AtomicBoolean handlerFails = new AtomicBoolean(true);
        AtomicBoolean keyFails = new AtomicBoolean();
        store("a", "first");
        store("b", "second");
        DurableSubscription subscription = processes
                .start()
                .subscriptions()
                .durable(
                        options().maxRetries(0).keyedBy(event -> {
                            if (keyFails.get()) {
                                throw new IllegalStateException("the lookup of the tenant has failed");
                            }
                            return (handlerFails.get() ? "old-" : "new-") + event.aggregateId();
                        }),
                        (event, context) -> {
                            if (event.data().equals("first") && handlerFails.get()) {
                                throw new IllegalStateException("on purpose");
                            }
                            handled.add(event.data());
                        });
        assertThat(await(subscription)).isEqualTo(Outcome.PARKED);
        keyFails.set(true);
        handlerFails.set(false);
        assertThat(subscription.requeue("old-a")).isTrue();
        Await.until(
                database,
                "select count(*) from synckit.events_parked where retry_at is null and failure like '%lookup%'",
                "1");
        keyFails.set(false);
        subscription.requeue("old-a");

        assertThat(await(subscription)).isEqualTo(Outcome.HANDLED);
        assertThat(handled).containsExactly("second", "first");
    }

    /** The key function is repaired while an earlier event of the key waits. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void eventThatWaitsWithoutKeyIsHandledOnce(boolean withoutKeyFirst) throws InterruptedException {
        AtomicBoolean broken = new AtomicBoolean(true);
        store("a", "first");
        store("a", "second");
        DurableSubscription subscription = processes
                .start()
                .subscriptions()
                .durable(
                        options().delivery(Delivery.EXACTLY_ONCE).maxRetries(0).keyedBy(event -> {
                            if (broken.get() && event.data().equals("second")) {
                                throw new IllegalStateException("a bug of the key function");
                            }
                            return "tenant-" + event.aggregateId();
                        }),
                        (event, context) -> {
                            if (broken.get()) {
                                throw new IllegalStateException("on purpose");
                            }
                            handled.add(event.data());
                        });
        Await.until(database, PARKED, "2");
        broken.set(false);

        if (withoutKeyFirst) {
            subscription.requeue("event without key: 2");
            Await.until(database, PARKED, "1");
        }
        subscription.requeueAll();

        assertThat(await(subscription)).isEqualTo(Outcome.HANDLED);
        assertThat(handled).containsExactlyInAnyOrder("first", "second");
    }

    /** Ten events of different keys fail, so that the partition assumes an outage. */
    @Test
    void commandsAreCarriedOutDuringAnOutage() throws InterruptedException {
        for (int i = 0; i < 12; i++) {
            store("bad-" + i, i);
        }
        DurableSubscription subscription = processes.start().subscriptions().durable(options(), (event, context) -> {
            throw new IllegalStateException("the event cannot be read");
        });
        Await.until(() -> subscription.activity().get(0).state() == State.BACKING_OFF);
        int waiting = subscription.parked(100).size();

        assertThat(subscription.discard(subscription.parked(1).get(0).key())).isTrue();

        Await.until(() -> subscription.parked(100).size() == waiting - 1);
        assertThat(subscription.activity().get(0).state()).isEqualTo(State.BACKING_OFF);
    }

    /** All keys wait, and there is no other event. The good one lets half of them step aside without an outage. */
    @Test
    void outageParksNoWaitingKey() throws InterruptedException {
        int keys = 12;
        int maxRetries = 3;
        for (int i = 0; i < keys; i++) {
            store(i == keys / 2 ? "good" : "bad-" + i, i);
        }
        store("bad-" + keys, keys);
        AtomicBoolean outage = new AtomicBoolean(true);
        AtomicInteger failures = new AtomicInteger();
        DurableSubscription subscription = processes
                .start()
                .subscriptions()
                .durable(
                        options().maxRetries(maxRetries).backoff(Duration.ofMillis(200), 1, Duration.ofMillis(200)),
                        (event, context) -> {
                            if (outage.get() && event.aggregateId().startsWith("bad")) {
                                failures.incrementAndGet();
                                throw new IllegalStateException("the broker does not answer");
                            }
                            handled.add(event.data());
                        });

        Await.until(() -> failures.get() > keys * (maxRetries + 2));

        assertThat(subscription.activity().get(0).state()).isEqualTo(State.BACKING_OFF);
        outage.set(false);
        assertThat(await(subscription)).isEqualTo(Outcome.HANDLED);
        assertThat(handled).hasSize(keys + 1);
    }
}
