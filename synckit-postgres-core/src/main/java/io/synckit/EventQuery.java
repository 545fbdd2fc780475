package io.synckit;

import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;

/**
 * A query of the log: filters, bounds, direction and limit. Immutable: each method returns a changed query.
 *
 * <p>For example, the last 20 orders: {@code EventQuery.all().filter(Filter.types("OrderPlaced")).newestFirst().limit(20)}.
 */
public final class EventQuery {

    private static final EventQuery ALL = new EventQuery(List.of(), Version.ZERO, null, false, 0);

    private final List<Filter> filters;
    private final Version after;
    private final @Nullable Version before;
    private final boolean newestFirst;

    /** 0 for the default page size. */
    private final int limit;

    private EventQuery(List<Filter> filters, Version after, @Nullable Version before, boolean newestFirst, int limit) {
        this.filters = filters;
        this.after = after;
        this.before = before;
        this.newestFirst = newestFirst;
        this.limit = limit;
    }

    /** Returns a query of all events, oldest first, with the default page size. */
    public static EventQuery all() {
        return ALL;
    }

    /**
     * Selects the events: all filters must match. Replaces earlier filters.
     *
     * @throws InvalidFilterException if a filter is null
     */
    public EventQuery filter(Filter... filters) {
        for (Filter filter : filters) {
            if (filter == null) {
                throw new InvalidFilterException("a filter is null; leave it out");
            }
        }
        return new EventQuery(List.of(filters), after, before, newestFirst, limit);
    }

    /** Selects events above this version. */
    public EventQuery after(Version version) {
        return new EventQuery(
                filters, Objects.requireNonNull(version, "the version is null"), before, newestFirst, limit);
    }

    /** Selects events below this version. */
    public EventQuery before(Version version) {
        return new EventQuery(
                filters, after, Objects.requireNonNull(version, "the version is null"), newestFirst, limit);
    }

    /** Returns the newest events first, in descending order of their versions. */
    public EventQuery newestFirst() {
        return new EventQuery(filters, after, before, true, limit);
    }

    /**
     * Sets the maximum number of events.
     *
     * @throws IllegalArgumentException if the limit is below 1
     */
    public EventQuery limit(int events) {
        if (events < 1) {
            throw new IllegalArgumentException("limit is " + events + ", at least 1 is needed");
        }
        return new EventQuery(filters, after, before, newestFirst, events);
    }

    /** Returns the filters; empty for all events. */
    public List<Filter> filters() {
        return filters;
    }

    /** Returns the version above which events are selected. */
    public Version after() {
        return after;
    }

    /** Returns the version below which events are selected; empty for no bound. */
    public Optional<Version> before() {
        return Optional.ofNullable(before);
    }

    /** Returns whether the newest events come first. */
    public boolean isNewestFirst() {
        return newestFirst;
    }

    /** Returns the maximum number of events; empty for the default page size. */
    public OptionalInt limit() {
        return limit == 0 ? OptionalInt.empty() : OptionalInt.of(limit);
    }
}
