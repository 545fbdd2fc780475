package io.synckit.test;

import io.synckit.Event;
import io.synckit.EventStore;
import io.synckit.StoredEvent;
import io.synckit.Version;
import io.synckit.postgres.PostgresEventStore;
import io.synckit.postgres.RealtimeEventStore;
import io.synckit.postgres.StoreDiagnosis;
import io.synckit.postgres.StoreDiagnosis.HorizonHolder;
import io.synckit.subscription.DurableStatus;
import io.synckit.subscription.DurableSubscription;
import io.synckit.subscription.DurableSubscription.Outcome;
import io.synckit.subscription.EventSubscriptions;
import io.synckit.subscription.ParkedKey;
import java.time.Duration;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * A test against a real event store. It stores events, runs an action, and checks which events are stored and handled. Each step fails with an
 * {@link AssertionError} that says what was found, and in a Spring test also if a transaction is active. Used by one thread.
 */
public final class EventStoreScenario {

    /** How long {@link #awaitHandled(String)} waits. */
    public static final Duration DEFAULT_TIMEOUT = Duration.ofSeconds(30);

    private static final int SHOWN_KEYS = 5;

    private static final Duration POLL_INTERVAL = Duration.ofMillis(20);

    private final EventStore store;
    private final EventSubscriptions subscriptions;
    private final BooleanSupplier inTransaction;
    private final @Nullable Supplier<StoreDiagnosis> diagnoses;
    private Version before;

    public EventStoreScenario(EventStore store, EventSubscriptions subscriptions) {
        this(store, subscriptions, () -> false, diagnoses(store));
    }

    /**
     * @param inTransaction returns whether the calling thread has a transaction
     * @param diagnoses null if the store cannot list the open transactions
     */
    EventStoreScenario(
            EventStore store,
            EventSubscriptions subscriptions,
            BooleanSupplier inTransaction,
            @Nullable Supplier<StoreDiagnosis> diagnoses) {
        this.inTransaction = inTransaction;
        this.store = store;
        this.subscriptions = subscriptions;
        this.diagnoses = diagnoses;
        this.before = Version.ZERO;
    }

    static @Nullable Supplier<StoreDiagnosis> diagnoses(EventStore store) {
        if (store instanceof RealtimeEventStore realtime) {
            return realtime::diagnose;
        }
        return store instanceof PostgresEventStore postgres ? postgres::diagnose : null;
    }

    /** Stores events, each in a transaction of its own. They are not among those that {@link #thenStored} finds. */
    public EventStoreScenario given(Event... events) {
        requireCommitted();
        Arrays.stream(events).forEach(store::store);
        before = head();
        return this;
    }

    /** What is tested. Its events must be committed when it returns. */
    public interface Action {

        /** Runs it. */
        void run() throws Exception;
    }

    /** Runs what is tested. From here on, {@link #thenStored} looks for events. */
    public EventStoreScenario when(Action action) throws Exception {
        requireCommitted();
        before = head();
        action.run();
        return this;
    }

    /** Returns the highest version given out. An open transaction can hold an event back that is committed already. */
    private Version head() {
        return diagnoses == null
                ? requireReal(store.latestVersion())
                : requireReal(diagnoses.get()).head();
    }

    private static <T> T requireReal(@Nullable T answer) {
        if (answer == null) {
            throw new AssertionError("the EventStore is a mock, so no event is stored; remove the mock from the test");
        }
        return answer;
    }

    /**
     * Checks that exactly one event of this type was committed since {@link #when}.
     *
     * @param check further checks of the event
     */
    public EventStoreScenario thenStored(String type, Consumer<StoredEvent> check) {
        List<StoredEvent> stored = stored();
        List<StoredEvent> found =
                stored.stream().filter(event -> event.type().equals(type)).toList();
        if (found.size() != 1) {
            throw new AssertionError("expected one event of type '" + type + "', but " + found.size()
                    + " were stored; all events since then: " + types(stored));
        }
        check.accept(found.get(0));
        return this;
    }

    /**
     * Checks that exactly one event of this type was committed since {@link #when}, with this payload.
     *
     * @param payload an object of the payload's class, or a Map or a List as {@link StoredEvent#data()} returns it
     */
    public EventStoreScenario thenStored(String type, Object payload) {
        return thenStored(type, event -> {
            boolean isJson = payload instanceof Map || payload instanceof Collection;
            Object read = isJson ? event.data() : event.dataAs(payload.getClass());
            if (!read.equals(payload)) {
                throw new AssertionError(
                        "expected the payload " + payload + " of type '" + type + "', but it is " + read);
            }
        });
    }

    /** Checks that no event was committed since {@link #when}. */
    public EventStoreScenario thenNothingStored() {
        List<StoredEvent> stored = stored();
        if (!stored.isEmpty()) {
            throw new AssertionError("expected no event, but these were stored: " + types(stored));
        }
        return this;
    }

    private List<StoredEvent> stored() {
        requireCommitted();
        awaitReadable(DEFAULT_TIMEOUT);
        try (Stream<StoredEvent> events = store.stream(before)) {
            return events.toList();
        }
    }

    private void requireCommitted() {
        if (inTransaction.getAsBoolean()) {
            throw new AssertionError(
                    "a transaction is active, so the events of the test are not committed, and no handler receives"
                            + " them; remove @Transactional from the test");
        }
    }

    /**
     * Waits until readers can read every event that is committed now. An open transaction that has stored an event holds back the events
     * after it. Returns the version of the last one.
     */
    private Version awaitReadable(Duration timeout) {
        if (diagnoses == null) {
            return store.latestVersion();
        }
        long end = System.nanoTime() + timeout.toNanos();
        StoreDiagnosis diagnosis = diagnoses.get();
        Version head = diagnosis.head();
        while (diagnosis.stable().compareTo(head) < 0) {
            if (Thread.currentThread().isInterrupted()) {
                throw new AssertionError("the test was interrupted while it waited for an open transaction");
            }
            if (System.nanoTime() > end) {
                // A transaction that ends during the diagnosis is not named.
                throw new AssertionError("after " + timeout + ", readers still wait at version " + diagnosis.stable()
                        + " of " + head + " for "
                        + diagnosis.heldBy().map(HorizonHolder::describe).orElse("an open transaction"));
            }
            LockSupport.parkNanos(POLL_INTERVAL.toNanos());
            diagnosis = diagnoses.get();
        }
        return diagnosis.stable();
    }

    private static String types(List<StoredEvent> events) {
        return events.stream()
                .map(event -> event.type() + " of '" + event.aggregateId() + "'")
                .collect(Collectors.joining(", ", "[", "]"));
    }

    /** Waits until a durable subscription has handled every matching event that is committed now, at most {@link #DEFAULT_TIMEOUT}. */
    public EventStoreScenario awaitHandled(String subscription) throws InterruptedException {
        return awaitHandled(subscription, DEFAULT_TIMEOUT);
    }

    /**
     * Waits until a durable subscription has handled every matching event that is committed now.
     *
     * @throws AssertionError if the time is over, or a key is parked. It names position, lag, waiting keys and the last failure
     */
    public EventStoreScenario awaitHandled(String subscription, Duration timeout) throws InterruptedException {
        requireCommitted();
        DurableSubscription found = subscriptions
                .durable(subscription)
                .orElseThrow(() -> new AssertionError("there is no durable subscription '" + subscription
                        + "' in this process; there are " + names()));
        long begin = System.nanoTime();
        Version until = awaitReadable(timeout);
        Duration rest = timeout.minusNanos(System.nanoTime() - begin);
        Outcome outcome = found.await(until, rest.isNegative() ? Duration.ZERO : rest);
        if (outcome != Outcome.HANDLED) {
            throw new AssertionError(problem(found, until, outcome, timeout));
        }
        return this;
    }

    private List<String> names() {
        return subscriptions.durable().stream().map(DurableSubscription::name).toList();
    }

    private static String problem(DurableSubscription subscription, Version until, Outcome outcome, Duration timeout) {
        DurableStatus status = subscription.status();
        StringBuilder text = new StringBuilder("subscription '")
                .append(subscription.name())
                .append(
                        outcome == Outcome.PARKED
                                ? "' has a parked key"
                                : "' has not handled all events after " + timeout)
                .append(": position ")
                .append(status.position())
                .append(" of ")
                .append(until)
                .append(", lag ")
                .append(Math.max(0, status.horizon().value() - status.position().value()));
        if (status.paused()) {
            text.append(", paused");
        }
        for (DurableStatus.Partition partition : status.partitions()) {
            if (partition.owner() == null) {
                text.append(", partition ").append(partition.partition()).append(" has no owner");
            }
            if (partition.failure() != null) {
                text.append(", partition ")
                        .append(partition.partition())
                        .append(": ")
                        .append(partition.failure());
            }
        }
        for (ParkedKey key : subscription.parked(SHOWN_KEYS)) {
            text.append(key.isParked() ? "; parked key '" : "; waiting key '")
                    .append(key.key())
                    .append("' at version ")
                    .append(key.next())
                    .append(" after ")
                    .append(key.attempts())
                    .append(" attempts: ")
                    .append(key.failure());
        }
        return text.toString();
    }
}
