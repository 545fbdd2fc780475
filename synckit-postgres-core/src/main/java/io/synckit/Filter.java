package io.synckit;

import io.synckit.internal.Texts;
import java.time.Instant;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/** Selects events. Several filters must all match. In reads, all except {@link Matching} are evaluated by the database. */
public sealed interface Filter {

    /** Selects events of one of these types. */
    static Filter types(String... types) {
        return new Types(new LinkedHashSet<>(Arrays.asList(types)));
    }

    /** Selects events of one of these aggregates. */
    static Filter aggregateIds(String... aggregateIds) {
        return new AggregateIds(new LinkedHashSet<>(Arrays.asList(aggregateIds)));
    }

    /** Selects events that were stored at {@code from} or later, and before {@code to}. Null means no bound. */
    static Filter createdBetween(@Nullable Instant from, @Nullable Instant to) {
        return new CreatedBetween(from, to);
    }

    /** Selects events whose data contains this value, by PostgreSQL's {@code data @> value}. */
    static Filter dataContains(Object value) {
        return new DataContains(value);
    }

    /** Selects events whose metadata contains these entries, by PostgreSQL's {@code metadata @> value}. */
    static Filter metadataContains(Map<String, ? extends @Nullable Object> entries) {
        return new MetadataContains(entries);
    }

    /** Selects events that the predicate accepts. It is evaluated in this process, after the other filters. Rejected rows are read as well. */
    static Filter matching(Predicate<? super StoredEvent> predicate) {
        return new Matching(predicate);
    }

    /** @see Filter#types */
    record Types(Set<String> types) implements Filter {
        public Types {
            types = requireKeys("types", types);
        }
    }

    /** @see Filter#aggregateIds */
    record AggregateIds(Set<String> aggregateIds) implements Filter {
        public AggregateIds {
            aggregateIds = requireKeys("aggregateIds", aggregateIds);
        }
    }

    /** @see Filter#createdBetween */
    record CreatedBetween(@Nullable Instant from, @Nullable Instant to) implements Filter {
        public CreatedBetween {
            if (from != null && to != null && from.isAfter(to)) {
                throw new InvalidFilterException("createdBetween ends at " + to + " before it starts at " + from);
            }
        }
    }

    /** @see Filter#dataContains */
    record DataContains(Object value) implements Filter {
        public DataContains {
            if (value == null) {
                throw new InvalidFilterException(
                        "dataContains has null as its value; give a record, a map or JsonText");
            }
        }
    }

    /** @see Filter#metadataContains */
    record MetadataContains(Map<String, ? extends @Nullable Object> entries) implements Filter {
        public MetadataContains {
            if (entries == null) {
                throw new InvalidFilterException("metadataContains has null as its entries; give a map");
            }
        }
    }

    /** @see Filter#matching */
    record Matching(Predicate<? super StoredEvent> predicate) implements Filter {
        public Matching {
            if (predicate == null) {
                throw new InvalidFilterException("matching has null as its predicate");
            }
        }
    }

    private static Set<String> requireKeys(String what, Set<String> keys) {
        if (keys.isEmpty()) {
            throw new InvalidFilterException(what + " is empty; leave the filter out to read everything");
        }
        for (String key : keys) {
            if (key == null || key.isBlank() || Texts.unstorable(key) != null) {
                throw new InvalidFilterException(what + " contains a value that no event can have: '"
                        + Texts.printable(String.valueOf(key)) + "'");
            }
        }
        return Set.copyOf(keys);
    }
}
