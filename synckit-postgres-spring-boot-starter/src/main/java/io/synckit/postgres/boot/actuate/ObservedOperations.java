package io.synckit.postgres.boot.actuate;

import io.micrometer.observation.Observation;
import io.micrometer.observation.ObservationRegistry;
import io.synckit.Instrumentation;
import io.synckit.postgres.boot.EventHandlerContext;
import io.synckit.postgres.boot.EventHandlerConvention;
import io.synckit.postgres.boot.EventStoreOperationContext;
import io.synckit.postgres.boot.EventStoreOperationConvention;
import java.util.function.Supplier;

/** An observation for each operation and each call of a handler, from which timers and spans are made. */
final class ObservedOperations implements Instrumentation {

    private final ObservationRegistry observations;
    private final EventStoreOperationConvention operations;
    private final EventHandlerConvention handlers;
    private final OperationCounters counters;

    ObservedOperations(
            ObservationRegistry observations,
            EventStoreOperationConvention operations,
            EventHandlerConvention handlers,
            OperationCounters counters) {
        this.observations = observations;
        this.operations = operations;
        this.handlers = handlers;
        this.counters = counters;
    }

    @Override
    public <R> R operation(Operation operation, Supplier<R> call) {
        Observation observation =
                Observation.createNotStarted(operations, () -> new EventStoreOperationContext(operation), observations);
        try {
            R result = observation.observe(call);
            counters.completed(operation, null);
            return result;
        } catch (RuntimeException | Error e) {
            counters.completed(operation, e);
            throw e;
        }
    }

    @Override
    public void handling(Handling handling, HandlerCall call) throws Exception {
        counters.handed(handling);
        Observation.createNotStarted(handlers, () -> new EventHandlerContext(handling), observations)
                .observeChecked(call::run);
    }
}
