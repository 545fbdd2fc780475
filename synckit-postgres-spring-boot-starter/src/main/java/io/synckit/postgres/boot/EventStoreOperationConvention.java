package io.synckit.postgres.boot;

import io.micrometer.common.KeyValue;
import io.micrometer.common.KeyValues;
import io.micrometer.observation.Observation;
import io.micrometer.observation.ObservationConvention;

/** Names and tags of observed operations of the event store. A bean of this type replaces the default. */
public interface EventStoreOperationConvention extends ObservationConvention<EventStoreOperationContext> {

    @Override
    default String getName() {
        return "synckit.operations";
    }

    @Override
    default String getContextualName(EventStoreOperationContext context) {
        return context.operation().name() + " " + context.operation().table();
    }

    @Override
    default KeyValues getLowCardinalityKeyValues(EventStoreOperationContext context) {
        return KeyValues.of(KeyValue.of("operation", context.operation().name()));
    }

    @Override
    default KeyValues getHighCardinalityKeyValues(EventStoreOperationContext context) {
        return KeyValues.of(
                KeyValue.of("events", String.valueOf(context.operation().events())));
    }

    @Override
    default boolean supportsContext(Observation.Context context) {
        return context instanceof EventStoreOperationContext;
    }
}
