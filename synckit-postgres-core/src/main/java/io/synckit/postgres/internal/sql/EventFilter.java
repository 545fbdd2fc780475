package io.synckit.postgres.internal.sql;

import io.synckit.Filter;
import io.synckit.InvalidFilterException;
import io.synckit.JsonCodec;
import io.synckit.StoredEvent;
import io.synckit.postgres.internal.json.StorableJson;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/** The filters of one read: the part that PostgreSQL evaluates, and the predicates that are left. */
public final class EventFilter {

    private static final Instant EARLIEST = Instant.parse("0001-01-01T00:00:00Z");
    private static final Instant LATEST = Instant.parse("+200000-01-01T00:00:00Z");

    private final StringBuilder conditions = new StringBuilder();
    private final List<Parameter> parameters = new ArrayList<>();
    private final List<Predicate<? super StoredEvent>> predicates = new ArrayList<>();

    private EventFilter() {}

    /** @throws InvalidFilterException if a filter is null, or its value cannot be written as JSON */
    public static EventFilter of(Filter[] filters, JsonCodec json) {
        EventFilter result = new EventFilter();
        for (Filter filter : filters) {
            result.add(filter, json);
        }
        return result;
    }

    private void add(Filter filter, JsonCodec json) {
        if (filter instanceof Filter.Types types) {
            oneOf("event_type", types.types());
        } else if (filter instanceof Filter.AggregateIds aggregateIds) {
            oneOf("aggregate_id", aggregateIds.aggregateIds());
        } else if (filter instanceof Filter.CreatedBetween created) {
            bound("created_at >= ?", created.from());
            bound("created_at < ?", created.to());
        } else if (filter instanceof Filter.DataContains contains) {
            contains("data", contains.value(), json);
        } else if (filter instanceof Filter.MetadataContains contains) {
            contains("metadata", contains.entries(), json);
        } else if (filter instanceof Filter.Matching matching) {
            predicates.add(matching.predicate());
        } else {
            throw new InvalidFilterException("a filter is null; leave it out");
        }
    }

    /** One value as an equality, so that an index on (column, version) gives the order as well. */
    private void oneOf(String column, Set<String> values) {
        if (values.size() == 1) {
            where(
                    column + " = ?",
                    (statement, index) ->
                            statement.setString(index, values.iterator().next()));
        } else {
            where(
                    column + " = any(?)",
                    (statement, index) ->
                            statement.setArray(index, Statements.texts(statement.getConnection(), values)));
        }
    }

    private void bound(String condition, @Nullable Instant instant) {
        if (instant != null) {
            where(condition, (statement, index) -> statement.setObject(index, bounded(instant)));
        }
    }

    /** Outside of the years of timestamptz, where no event is, the infinity of the driver. */
    private static OffsetDateTime bounded(Instant instant) {
        if (instant.isBefore(EARLIEST)) {
            return OffsetDateTime.MIN;
        }
        return instant.isAfter(LATEST) ? OffsetDateTime.MAX : instant.atOffset(ZoneOffset.UTC);
    }

    private void contains(String column, Object value, JsonCodec json) {
        String text;
        try {
            text = json.write(value);
        } catch (RuntimeException e) {
            throw new InvalidFilterException(
                    column + "Contains has a value that cannot be written as JSON: " + e.getMessage(), e);
        }
        String problem = StorableJson.of(text).problem();
        if (problem != null) {
            throw new InvalidFilterException(column + "Contains has a value that no event can have: " + problem);
        }
        where(column + " @> ?::jsonb", (statement, index) -> statement.setString(index, text));
    }

    private void where(String condition, Parameter parameter) {
        conditions.append(" and ").append(condition);
        parameters.add(parameter);
    }

    /** Returns the conditions, each of which begins with {@code and}. */
    String conditions() {
        return conditions.toString();
    }

    /** Sets the parameters of {@link #conditions()} and returns the index after them. */
    int bind(PreparedStatement statement, int index) throws SQLException {
        int next = index;
        for (Parameter parameter : parameters) {
            parameter.set(statement, next++);
        }
        return next;
    }

    /** Returns whether predicates must be evaluated after the database has filtered. */
    public boolean hasPredicates() {
        return !predicates.isEmpty();
    }

    /** Returns whether all predicates accept the event. */
    public boolean accepts(StoredEvent event) {
        return predicates.stream().allMatch(predicate -> predicate.test(event));
    }

    @FunctionalInterface
    private interface Parameter {
        void set(PreparedStatement statement, int index) throws SQLException;
    }
}
