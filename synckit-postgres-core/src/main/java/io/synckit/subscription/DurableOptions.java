package io.synckit.subscription;

import io.synckit.Filter;
import io.synckit.InvalidFilterException;
import io.synckit.StoredEvent;
import io.synckit.internal.Texts;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** The options of a durable subscription. Immutable: each method returns changed options. */
public final class DurableOptions {

    /** The maximum length of a name. */
    public static final int MAX_NAME_LENGTH = 100;

    /** The maximum number of partitions. */
    public static final int MAX_PARTITIONS = 256;

    /** The default of {@link #maxBatch(int)}. */
    public static final int DEFAULT_MAX_BATCH = 100;

    private static final Duration LONGEST = Duration.ofDays(365);

    private final String name;
    private List<Filter> filters = List.of();
    private StartFrom startFrom = StartFrom.now();
    private int partitions = 1;
    private @Nullable Function<? super StoredEvent, String> keyedBy;
    private Delivery delivery = Delivery.AT_LEAST_ONCE;
    private Ordering ordering = Ordering.PER_KEY;
    private OnExhausted onExhausted = OnExhausted.PARK;
    private int maxRetries = 9;
    private Duration delay = Duration.ofSeconds(1);
    private double multiplier = 2;
    private Duration maxDelay = Duration.ofMinutes(5);
    private int maxBatch = DEFAULT_MAX_BATCH;
    private Consumer<? super ParkedKey> onParked = key -> {};

    private DurableOptions(String name) {
        this.name = name;
    }

    private DurableOptions with(Consumer<DurableOptions> change) {
        DurableOptions copy = new DurableOptions(name);
        copy.filters = filters;
        copy.startFrom = startFrom;
        copy.partitions = partitions;
        copy.keyedBy = keyedBy;
        copy.delivery = delivery;
        copy.ordering = ordering;
        copy.onExhausted = onExhausted;
        copy.maxRetries = maxRetries;
        copy.delay = delay;
        copy.multiplier = multiplier;
        copy.maxDelay = maxDelay;
        copy.maxBatch = maxBatch;
        copy.onParked = onParked;
        change.accept(copy);
        return copy;
    }

    /**
     * Returns options for a subscription that begins, at its first start, as {@link StartFrom#now()} says.
     *
     * @param name identifies the subscription in the database. All processes that use a name share its work
     * @throws IllegalArgumentException if the name is blank, has control characters or is longer than {@value #MAX_NAME_LENGTH} characters
     */
    public static DurableOptions named(String name) {
        if (name.isBlank() || name.length() > MAX_NAME_LENGTH || name.chars().anyMatch(Character::isISOControl)) {
            throw new IllegalArgumentException("the name of the subscription is '" + Texts.printable(name)
                    + "'; it must have 1 to " + MAX_NAME_LENGTH
                    + " characters, and must neither be blank nor contain control characters");
        }
        return new DurableOptions(name);
    }

    /**
     * Selects the events: all filters must match. Replaces earlier filters.
     *
     * @throws InvalidFilterException if a filter is null
     */
    public DurableOptions filter(Filter... filters) {
        for (Filter filter : filters) {
            if (filter == null) {
                throw new InvalidFilterException("a filter is null; leave it out");
            }
        }
        return with(copy -> copy.filters = List.of(filters));
    }

    /** Sets where the subscription starts when it is started for the first time. The default is {@link StartFrom#now()}. */
    public DurableOptions startFrom(StartFrom start) {
        return with(copy -> copy.startFrom = Objects.requireNonNull(start, "the start is null"));
    }

    /**
     * Sets the number of partitions, which are handled at the same time, by one process or several. Events with the same key are in the
     * same partition. The default is 1, the maximum {@value #MAX_PARTITIONS}. It cannot be changed later.
     */
    public DurableOptions partitions(int partitions) {
        if (partitions < 1 || partitions > MAX_PARTITIONS) {
            throw new IllegalArgumentException("partitions is " + partitions + ", possible is 1 to " + MAX_PARTITIONS);
        }
        return with(copy -> copy.partitions = partitions);
    }

    /**
     * Sets the key, by default the aggregate id, within which events are handled in order. The function must always return the same key for
     * an event. If it throws, or returns null, a key above 255 characters or one that cannot be stored, all partitions wait at the event.
     */
    public DurableOptions keyedBy(Function<? super StoredEvent, String> key) {
        return with(copy -> copy.keyedBy = Objects.requireNonNull(key, "the function is null"));
    }

    /** Sets the delivery guarantee. The default is {@link Delivery#AT_LEAST_ONCE}. */
    public DurableOptions delivery(Delivery delivery) {
        return with(copy -> copy.delivery = Objects.requireNonNull(delivery, "the delivery is null"));
    }

    /**
     * Sets what a failing event holds back. The default is {@link Ordering#PER_KEY}. {@link Ordering#TOTAL} needs one partition, and
     * {@link OnExhausted#SKIP} or {@link OnExhausted#STOP}.
     */
    public DurableOptions ordering(Ordering ordering) {
        return with(copy -> copy.ordering = Objects.requireNonNull(ordering, "the ordering is null"));
    }

    /** Sets what happens to an event whose attempts have all failed. The default is {@link OnExhausted#PARK}. */
    public DurableOptions onExhausted(OnExhausted action) {
        return with(copy -> copy.onExhausted = Objects.requireNonNull(action, "the action is null"));
    }

    /**
     * Sets how often a failing event is tried again. The default is 9, so 10 attempts.
     *
     * @throws IllegalArgumentException if it is negative
     */
    public DurableOptions maxRetries(int retries) {
        if (retries < 0) {
            throw new IllegalArgumentException("maxRetries is " + retries + ", at least 0 is needed");
        }
        return with(copy -> copy.maxRetries = retries);
    }

    /**
     * Sets the pauses between attempts. The defaults are 1 s, 2 and 5 min. Each pause is shortened by up to 50 % at random (jitter).
     *
     * @param delay the first pause
     * @param multiplier factor from one pause to the next, at least 1
     * @param maxDelay the longest pause, not below the first
     * @throws IllegalArgumentException if a value is out of its range
     */
    public DurableOptions backoff(Duration delay, double multiplier, Duration maxDelay) {
        if (delay.isNegative() || delay.isZero() || maxDelay.compareTo(delay) < 0 || maxDelay.compareTo(LONGEST) > 0) {
            throw new IllegalArgumentException("the delay is " + delay + " and maxDelay is " + maxDelay
                    + "; the delay must be above 0, and maxDelay between it and " + LONGEST.toDays() + " days");
        }
        if (!(multiplier >= 1 && multiplier <= 1000)) {
            throw new IllegalArgumentException("the multiplier is " + multiplier + ", possible is 1 to 1000");
        }
        return with(copy -> {
            copy.delay = delay;
            copy.multiplier = multiplier;
            copy.maxDelay = maxDelay;
        });
    }

    /** Sets how many events a batch has at most, at least 1. The default is {@value #DEFAULT_MAX_BATCH}. */
    public DurableOptions maxBatch(int events) {
        if (events < 1) {
            throw new IllegalArgumentException("maxBatch is " + events + ", at least 1 is needed");
        }
        return with(copy -> copy.maxBatch = events);
    }

    /**
     * Sets an action that is called each time a key is parked, for example to send an alert. The thread that handles the partition calls
     * it. If it throws, the exception is logged. If the process dies before the call, the action is not called. Health and {@link
     * DurableSubscription#parked} show every parked key. The default does nothing.
     */
    public DurableOptions onParked(Consumer<? super ParkedKey> action) {
        return with(copy -> copy.onParked = Objects.requireNonNull(action, "the action is null"));
    }

    /** Returns the name. */
    public String name() {
        return name;
    }

    /** Returns the filters; empty for every event. */
    public List<Filter> filters() {
        return filters;
    }

    /** Returns where the subscription starts for the first time. */
    public StartFrom startFrom() {
        return startFrom;
    }

    /** Returns the number of partitions. */
    public int partitions() {
        return partitions;
    }

    /** Returns the function that returns the key of an event; empty for the aggregate id. */
    public Optional<Function<? super StoredEvent, String>> keyedBy() {
        return Optional.ofNullable(keyedBy);
    }

    /** Returns the delivery guarantee. */
    public Delivery delivery() {
        return delivery;
    }

    /** Returns what a failing event holds back. */
    public Ordering ordering() {
        return ordering;
    }

    /** Returns what happens to an event whose attempts have all failed. */
    public OnExhausted onExhausted() {
        return onExhausted;
    }

    /** Returns how often a failing event is tried again. */
    public int maxRetries() {
        return maxRetries;
    }

    /** Returns the first pause between attempts. */
    public Duration delay() {
        return delay;
    }

    /** Returns the factor from one pause to the next. */
    public double multiplier() {
        return multiplier;
    }

    /** Returns the longest pause. */
    public Duration maxDelay() {
        return maxDelay;
    }

    /** Returns how many events a batch has at most. */
    public int maxBatch() {
        return maxBatch;
    }

    /** Returns the action for keys that are parked. */
    public Consumer<? super ParkedKey> onParked() {
        return onParked;
    }

    @Override
    public String toString() {
        return "durable subscription '" + name + "'";
    }

    /** The delivery guarantee of a durable subscription. */
    public enum Delivery {

        /**
         * The handler runs in a transaction that also stores the checkpoint. What the handler writes in that transaction takes effect
         * exactly once. Other effects, for example an e-mail, can be repeated.
         */
        EXACTLY_ONCE,

        /** The checkpoint is stored after the handler has returned. After a fault, the last events can be handled again. */
        AT_LEAST_ONCE
    }

    /** What a failing event holds back. */
    public enum Ordering {

        /** The later events of its key. All other events are handled meanwhile. */
        PER_KEY,

        /** All later events. */
        TOTAL
    }

    /** What happens to an event whose attempts have all failed. */
    public enum OnExhausted {

        /** The event and the later ones of its key wait until an operator decides. */
        PARK,

        /** The event is skipped, and an error is logged. */
        SKIP,

        /** The partition stops until {@link DurableSubscription#resume}, {@code moveTo} or {@code replay}. */
        STOP
    }
}
