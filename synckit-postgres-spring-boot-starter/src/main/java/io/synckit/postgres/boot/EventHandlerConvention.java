package io.synckit.postgres.boot;

import io.micrometer.common.KeyValue;
import io.micrometer.common.KeyValues;
import io.micrometer.observation.Observation;
import io.micrometer.observation.ObservationConvention;
import io.synckit.StoredEvent;

/** Names and tags of observed calls of handlers. A bean of this type replaces the default. */
public interface EventHandlerConvention extends ObservationConvention<EventHandlerContext> {

    @Override
    default String getName() {
        return "synckit.handlers";
    }

    @Override
    default String getContextualName(EventHandlerContext context) {
        return "handle " + context.handling().event().type();
    }

    @Override
    default KeyValues getLowCardinalityKeyValues(EventHandlerContext context) {
        return KeyValues.of(
                KeyValue.of("kind", context.handling().kind()),
                KeyValue.of(
                        "subscription",
                        context.handling().kind().equals("durable")
                                ? context.handling().subscription()
                                : "none"),
                KeyValue.of("replay", String.valueOf(context.handling().replay())));
    }

    /** Only for spans, because the number of values is unlimited. */
    @Override
    default KeyValues getHighCardinalityKeyValues(EventHandlerContext context) {
        StoredEvent event = context.handling().event();
        return KeyValues.of(
                KeyValue.of("event.id", event.id()),
                KeyValue.of("event.type", event.type()),
                KeyValue.of("event.version", event.version().toString()));
    }

    @Override
    default boolean supportsContext(Observation.Context context) {
        return context instanceof EventHandlerContext;
    }
}
