package io.synckit.subscription;

import io.synckit.Filter;
import io.synckit.InvalidFilterException;
import io.synckit.Version;
import io.synckit.internal.Texts;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** The options of a live subscription. Immutable: each method returns changed options. */
public final class LiveOptions {

    /** Events that may wait for a subscriber before it counts as slow, unless {@link #buffer(int)} is called. */
    public static final int DEFAULT_BUFFER = 1024;

    /** The maximum length of a name. */
    public static final int MAX_NAME_LENGTH = 100;

    private final String name;
    private final List<Filter> filters;
    private final @Nullable Version from;
    private final int buffer;
    private final SlowSubscriber whenSlow;
    private final @Nullable Consumer<LiveNotice> onNotice;

    private LiveOptions(
            String name,
            List<Filter> filters,
            @Nullable Version from,
            int buffer,
            SlowSubscriber whenSlow,
            @Nullable Consumer<LiveNotice> onNotice) {
        this.name = name;
        this.filters = filters;
        this.from = from;
        this.buffer = buffer;
        this.whenSlow = whenSlow;
        this.onNotice = onNotice;
    }

    /**
     * Returns options for a subscription to every event from now on.
     *
     * @param name appears in log messages, the Actuator endpoint and the names of threads. It need not be unique
     * @throws IllegalArgumentException if the name is blank or longer than {@value #MAX_NAME_LENGTH} characters
     */
    public static LiveOptions named(String name) {
        if (name.isBlank() || name.length() > MAX_NAME_LENGTH) {
            throw new IllegalArgumentException("the name of the subscription is '" + Texts.printable(name)
                    + "'; it must have 1 to " + MAX_NAME_LENGTH + " characters, and must not be blank");
        }
        return new LiveOptions(name, List.of(), null, DEFAULT_BUFFER, SlowSubscriber.WAIT, null);
    }

    /**
     * Selects the events: all filters must match. Replaces earlier filters. Filters by type, aggregate id and time decide which
     * subscriptions an event wakes. JSON filters and predicates run on the thread of the handler; an event that they reject is not handled.
     *
     * @throws InvalidFilterException if a filter is null
     */
    public LiveOptions filter(Filter... filters) {
        for (Filter filter : filters) {
            if (filter == null) {
                throw new InvalidFilterException("a filter is null; leave it out");
            }
        }
        return new LiveOptions(name, List.of(filters), from, buffer, whenSlow, onNotice);
    }

    /** Starts after this version: first with the events that are stored, then with new ones, without a gap or a duplicate. */
    public LiveOptions from(Version since) {
        return new LiveOptions(
                name, filters, Objects.requireNonNull(since, "the version is null"), buffer, whenSlow, onNotice);
    }

    /** Starts with the events that cannot be read yet: those that are committed from now on, or were held back by an open transaction. The default. */
    public LiveOptions fromNow() {
        return new LiveOptions(name, filters, null, buffer, whenSlow, onNotice);
    }

    /**
     * Sets how many events may wait before a subscriber counts as slow, for {@link SlowSubscriber#DROP} and {@link SlowSubscriber#CANCEL}. The
     * default is {@value #DEFAULT_BUFFER}. Events that only a JSON
     * filter or a predicate rejects count as well.
     *
     * @throws IllegalArgumentException if it is below 1
     */
    public LiveOptions buffer(int events) {
        if (events < 1) {
            throw new IllegalArgumentException("buffer is " + events + ", at least 1 is needed");
        }
        return new LiveOptions(name, filters, from, events, whenSlow, onNotice);
    }

    /** Sets what happens to a slow subscriber. The default is {@link SlowSubscriber#WAIT}. */
    public LiveOptions whenSlow(SlowSubscriber policy) {
        return new LiveOptions(
                name, filters, from, buffer, Objects.requireNonNull(policy, "the policy is null"), onNotice);
    }

    /**
     * Sets a consumer of notices. It is called between the events before and after the notice. Without it, notices are logged. A {@link
     * java.util.concurrent.Flow.Subscriber} receives a failure by {@code onError} instead.
     */
    public LiveOptions onNotice(Consumer<LiveNotice> consumer) {
        return new LiveOptions(
                name, filters, from, buffer, whenSlow, Objects.requireNonNull(consumer, "the consumer is null"));
    }

    /** Returns the name. */
    public String name() {
        return name;
    }

    /** Returns the filters; empty for every event. */
    public List<Filter> filters() {
        return filters;
    }

    /** Returns the version after which the subscription starts; empty for now. */
    public Optional<Version> from() {
        return Optional.ofNullable(from);
    }

    /** Returns how many events may wait. */
    public int buffer() {
        return buffer;
    }

    /** Returns what happens to a slow subscriber. */
    public SlowSubscriber whenSlow() {
        return whenSlow;
    }

    /** Returns the consumer of notices. */
    public Optional<Consumer<LiveNotice>> onNotice() {
        return Optional.ofNullable(onNotice);
    }

    @Override
    public String toString() {
        return "subscription '" + Texts.printable(name) + "'";
    }

    /** The reaction when more events wait for a subscriber than its buffer holds. None of them delays the reader. */
    public enum SlowSubscriber {

        /** Lets it lag: it reads from the table until it has caught up. No event is skipped, and no memory is used. */
        WAIT,

        /** Skips the events that wait, sends {@link LiveNotice.Dropped}, and continues with new events. */
        DROP,

        /** Ends the subscription with {@link io.synckit.SlowSubscriberException}. */
        CANCEL
    }
}
