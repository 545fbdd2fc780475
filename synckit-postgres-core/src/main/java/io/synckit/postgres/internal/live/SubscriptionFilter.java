package io.synckit.postgres.internal.live;

import io.synckit.Filter;
import io.synckit.InvalidFilterException;
import io.synckit.JsonCodec;
import io.synckit.StoredEvent;
import io.synckit.postgres.internal.json.JsonContainment;
import io.synckit.postgres.internal.sql.EventFilter;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The filters of a subscription, in two parts. Types, aggregate ids and times are cheap, and decide whether a subscription is woken.
 * JSON filters and predicates run on the thread of the handler only.
 */
public final class SubscriptionFilter {

    private final List<Predicate<StoredEvent>> cheap = new ArrayList<>();
    private final List<Predicate<? super StoredEvent>> rest = new ArrayList<>();
    private final List<Filter> filters;
    private final JsonCodec json;
    private final EventFilter ofDatabase;
    private @Nullable Set<String> types;
    private @Nullable Set<String> aggregateIds;

    /** @throws InvalidFilterException if a filter's value cannot be written as JSON, or no event can have it */
    public SubscriptionFilter(List<Filter> filters, JsonCodec json) {
        this.filters = filters;
        this.json = json;
        this.ofDatabase = EventFilter.of(filters.toArray(Filter[]::new), json);
        for (Filter filter : filters) {
            add(filter, json);
        }
    }

    private void add(Filter filter, JsonCodec json) {
        if (filter instanceof Filter.Types accepted) {
            types = accepted.types();
            cheap.add(event -> accepted.types().contains(event.type()));
        } else if (filter instanceof Filter.AggregateIds accepted) {
            aggregateIds = accepted.aggregateIds();
            cheap.add(event -> accepted.aggregateIds().contains(event.aggregateId()));
        } else if (filter instanceof Filter.CreatedBetween created) {
            cheap.add(event -> isWithin(event.createdAt(), created));
        } else if (filter instanceof Filter.DataContains contains) {
            JsonContainment part = part("data", contains.value(), json);
            rest.add(event -> part.isIn(event.dataJson()));
        } else if (filter instanceof Filter.MetadataContains contains) {
            JsonContainment part = part("metadata", contains.entries(), json);
            rest.add(event -> part.isIn(event.metadataJson()));
        } else if (filter instanceof Filter.Matching matching) {
            rest.add(matching.predicate());
        }
    }

    private static boolean isWithin(Instant time, Filter.CreatedBetween bounds) {
        return (bounds.from() == null || !time.isBefore(bounds.from()))
                && (bounds.to() == null || time.isBefore(bounds.to()));
    }

    private static JsonContainment part(String column, Object value, JsonCodec json) {
        try {
            return JsonContainment.of(json.write(value));
        } catch (RuntimeException e) {
            throw new InvalidFilterException(
                    column + "Contains has a value that cannot be written as JSON: " + e.getMessage(), e);
        }
    }

    /** Returns the types that are accepted; null for all. */
    @Nullable Set<String> types() {
        return types;
    }

    /** Returns the aggregate ids that are accepted; null for all. */
    @Nullable Set<String> aggregateIds() {
        return aggregateIds;
    }

    /** Returns whether a lookup by type or aggregate id says everything that {@link #mayAccept} does. */
    boolean isOneKey() {
        return cheap.isEmpty() || cheap.size() == 1 && (types != null || aggregateIds != null);
    }

    /** Evaluates the cheap part. */
    public boolean mayAccept(StoredEvent event) {
        for (Predicate<StoredEvent> predicate : cheap) {
            if (!predicate.test(event)) {
                return false;
            }
        }
        return true;
    }

    /** Evaluates the rest. A predicate of the application may throw. */
    public boolean accepts(StoredEvent event) {
        for (Predicate<? super StoredEvent> predicate : rest) {
            if (!predicate.test(event)) {
                return false;
            }
        }
        return true;
    }

    /** Returns the filters for reads from the table. */
    public EventFilter ofDatabase() {
        return ofDatabase;
    }

    /** Returns the filters for reads of one aggregate from the table. */
    public EventFilter ofDatabaseAndAggregate(String aggregateId) {
        return EventFilter.of(
                Stream.concat(filters.stream(), Stream.of(Filter.aggregateIds(aggregateId)))
                        .toArray(Filter[]::new),
                json);
    }
}
