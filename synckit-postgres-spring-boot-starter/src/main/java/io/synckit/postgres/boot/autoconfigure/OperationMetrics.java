package io.synckit.postgres.boot.autoconfigure;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import io.synckit.OperationListener;

/** Counts and times the store's operations; docs/metrics.md has the names. */
final class OperationMetrics implements OperationListener {

    private final MeterRegistry registry;

    OperationMetrics(MeterRegistry registry) {
        this.registry = registry;
    }

    @Override
    public void completed(Operation operation) {
        String error = operation.failure() == null
                ? "none"
                : operation.failure().getClass().getSimpleName();
        Timer.builder("synckit.operations")
                .description("Time of the event store's operations")
                .tag("operation", operation.name())
                .tag("error", error)
                .register(registry)
                .record(operation.took());
        if (operation.events() > 0) {
            Counter.builder("synckit.events")
                    .description("Events that were stored or read")
                    .baseUnit("events")
                    .tag("operation", operation.name())
                    .register(registry)
                    .increment(operation.events());
        }
    }
}
