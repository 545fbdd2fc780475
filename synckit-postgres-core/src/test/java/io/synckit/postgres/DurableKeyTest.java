package io.synckit.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import io.synckit.Filter;
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
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Unusual keys of durable subscriptions, and many keys that fail. */
class DurableKeyTest {

    @RegisterExtension
    private final TestDatabase database = TestPostgres.shared().migratedDatabase();

    private final DurableProcesses processes = new DurableProcesses(database);

    private final List<Object> handled = new CopyOnWriteArrayList<>();

    private static DurableOptions options() {
        return DurableOptions.named("numbers")
                .startFrom(StartFrom.beginning())
                .backoff(Duration.ofMillis(20), 1, Duration.ofMillis(20));
    }

    /** No partition can know whether the event is its own, so all wait. */
    @ParameterizedTest
    @ValueSource(ints = {1, 4})
    void noEventIsLostOrRepeatedIfTheKeyFunctionFailsAtRandom(int partitions) throws InterruptedException {
        int events = 200;
        for (int i = 0; i < events; i++) {
            processes.store("key-" + i % 7, i);
        }
        DurableSubscription subscription = processes
                .start()
                .subscriptions()
                .durable(
                        options()
                                .delivery(Delivery.EXACTLY_ONCE)
                                .partitions(partitions)
                                .keyedBy(event -> {
                                    if (ThreadLocalRandom.current().nextInt(100) == 0) {
                                        throw new IllegalStateException("the lookup of the tenant has failed");
                                    }
                                    return "tenant-" + event.aggregateId();
                                }),
                        (event, context) -> handled.add(event.data()));

        assertThat(processes.await(subscription)).isEqualTo(Outcome.HANDLED);
        assertThat(handled).hasSize(events).doesNotHaveDuplicates();
        assertThat(subscription.activity().get(0).counts().failed()).isZero();
    }

    /** No key, one that is too long for the index of the table, and two that PostgreSQL rejects or changes. */
    @ParameterizedTest
    @ValueSource(strings = {"null", "long", "\0", "half \uD83D"})
    void subscriptionWaitsAtEventWithoutValidKey(String key) throws InterruptedException {
        AtomicBoolean broken = new AtomicBoolean(true);
        processes.store("key", "first");
        processes.store("key", "bad");
        processes.store("key", "third");
        DurableSubscription subscription = processes
                .start()
                .subscriptions()
                .durable(
                        options().keyedBy(event -> {
                            if (!broken.get() || !event.data().equals("bad")) {
                                return event.aggregateId();
                            }
                            return key.equals("null") ? null : key.equals("long") ? "k".repeat(256) : key;
                        }),
                        (event, context) -> handled.add(event.data()));
        Await.until(() -> subscription.activity().get(0).state() == State.BACKING_OFF);
        Await.until(() -> subscription.activity().get(0).failure().contains("for the event at version 2"));
        assertThat(handled).containsExactly("first");
        assertThat(subscription.parked(10)).isEmpty();

        broken.set(false);

        assertThat(processes.await(subscription)).isEqualTo(Outcome.HANDLED);
        assertThat(handled).containsExactly("first", "bad", "third");
    }

    /** All partitions are behind, because each of them may have to handle the event. */
    @Test
    void eventWithoutValidKeyCountsInTheLagOfAllPartitions() {
        processes.store("key", "bad");

        DurableSubscription subscription = processes
                .start()
                .subscriptions()
                .durable(options().partitions(2).keyedBy(event -> null), (event, context) -> {});

        Await.until(() -> subscription.activity().stream()
                .allMatch(partition ->
                        partition.lag().versions() > 0 && partition.lag().time().compareTo(Duration.ZERO) > 0));
    }

    /** It fails with its key, which another partition must not omit. */
    @Test
    void eventWhoseFilterThrowsWaitsWithItsKey() throws InterruptedException {
        AtomicBoolean broken = new AtomicBoolean(true);
        int events = 40;
        for (int i = 0; i < events; i++) {
            processes.store("key-" + i, i);
        }
        DurableSubscription subscription = processes
                .start()
                .subscriptions()
                .durable(
                        options()
                                .maxRetries(0)
                                .partitions(4)
                                .keyedBy(event -> "tenant-" + event.aggregateId())
                                .filter(Filter.matching(event -> {
                                    if (broken.get() && event.data().equals(7)) {
                                        throw new IllegalStateException("the filter fails");
                                    }
                                    return true;
                                })),
                        (event, context) -> handled.add(event.data()));
        assertThat(processes.await(subscription)).isEqualTo(Outcome.PARKED);
        assertThat(subscription.parked(10))
                .singleElement()
                .satisfies(parked -> assertThat(parked.key()).isEqualTo("tenant-key-7"));

        broken.set(false);
        assertThat(subscription.requeue("tenant-key-7")).isTrue();

        assertThat(processes.await(subscription)).isEqualTo(Outcome.HANDLED);
        assertThat(handled).hasSize(events).doesNotHaveDuplicates();
    }

    /** The next version of an application has another key function. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void parkedEventIsHandledAlthoughItsKeyIsAnotherOneNow(boolean keyedBefore) throws InterruptedException {
        UnaryOperator<DurableOptions> keyed = options -> options.keyedBy(event -> "tenant-" + event.aggregateId());
        UnaryOperator<DurableOptions> plain = options -> options;
        processes.store("a", "first");
        processes.store("b", "second");
        DurableProcess old = processes.start();
        DurableSubscription before = old.subscriptions()
                .durable((keyedBefore ? keyed : plain).apply(options().maxRetries(0)), (event, context) -> {
                    if (event.data().equals("first")) {
                        throw new IllegalStateException("on purpose");
                    }
                    handled.add(event.data());
                });
        assertThat(processes.await(before)).isEqualTo(Outcome.PARKED);
        old.close();

        DurableSubscription after = processes
                .start()
                .subscriptions()
                .durable(
                        (keyedBefore ? plain : keyed).apply(options().maxRetries(0)),
                        (event, context) -> handled.add(event.data()));
        assertThat(after.requeueAll()).isEqualTo(1);

        assertThat(processes.await(after)).isEqualTo(Outcome.HANDLED);
        assertThat(handled).containsExactly("second", "first");
    }

    /** The failed event is of its key, even if the key function returns another one at the retry. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void failedEventKeepsItsKey(boolean keyFails) throws InterruptedException {
        AtomicBoolean fails = new AtomicBoolean(true);
        processes.store("a", "first");
        processes.store("b", "second");
        DurableSubscription subscription = processes
                .start()
                .subscriptions()
                .durable(
                        options().maxRetries(0).keyedBy(event -> {
                            if (!fails.get() && keyFails) {
                                throw new IllegalStateException("the lookup of the tenant has failed");
                            }
                            return (fails.get() ? "old-" : "new-") + event.aggregateId();
                        }),
                        (event, context) -> {
                            if (event.data().equals("first") && fails.get()) {
                                throw new IllegalStateException("on purpose");
                            }
                            handled.add(event.data());
                        });
        assertThat(processes.await(subscription)).isEqualTo(Outcome.PARKED);
        fails.set(false);

        assertThat(subscription.requeue("old-a")).isTrue();

        Await.until(() -> handled.equals(List.of("second", "first")));
    }

    /** The main flow has passed the event before its key became invalid, so the owner does not know which event to skip. */
    @Test
    void onlyItsKeyWaitsIfTheEventToSkipHasNoValidKey() throws InterruptedException {
        AtomicBoolean fails = new AtomicBoolean(true);
        AtomicBoolean broken = new AtomicBoolean();
        AtomicInteger evaluations = new AtomicInteger();
        processes.store("a", "first");
        processes.store("a", "second");
        DurableSubscription subscription = processes
                .start()
                .subscriptions()
                .durable(
                        options().maxRetries(0).keyedBy(event -> {
                            if (broken.get() && event.data().equals("second")) {
                                evaluations.incrementAndGet();
                                throw new IllegalStateException("the lookup of the tenant has failed");
                            }
                            return event.aggregateId();
                        }),
                        (event, context) -> {
                            if (fails.get() && event.data().equals("first")) {
                                throw new IllegalStateException("on purpose");
                            }
                            handled.add(event.data());
                        });
        assertThat(processes.await(subscription)).isEqualTo(Outcome.PARKED);
        fails.set(false);
        broken.set(true);
        subscription.requeue("a");
        Await.until(() -> handled.equals(List.of("first")) && evaluations.get() > 0);

        assertThat(subscription.skip("a")).isTrue();
        Await.until(() -> evaluations.get() > 1);
        processes.store("b", "third");

        Await.until(() -> handled.equals(List.of("first", "third")));
        assertThat(subscription.activity().get(0).state()).isEqualTo(State.RUNNING);
        broken.set(false);
        assertThat(processes.await(subscription)).isEqualTo(Outcome.HANDLED);
        assertThat(handled).containsExactly("first", "third");
    }

    /** Ten events of different keys fail, so that the partition assumes an outage. */
    @Test
    void commandsAreCarriedOutDuringAnOutage() throws InterruptedException {
        for (int i = 0; i < 12; i++) {
            processes.store("bad-" + i, i);
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
            processes.store(i == keys / 2 ? "good" : "bad-" + i, i);
        }
        processes.store("bad-" + keys, keys);
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
        assertThat(processes.await(subscription)).isEqualTo(Outcome.HANDLED);
        assertThat(handled).hasSize(keys + 1);
    }
}
