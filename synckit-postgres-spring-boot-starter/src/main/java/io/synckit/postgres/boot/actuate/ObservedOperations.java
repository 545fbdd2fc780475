package io.synckit.postgres.boot.actuate;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import io.micrometer.observation.Observation;
import io.micrometer.observation.ObservationRegistry;
import io.synckit.DuplicateEventException;
import io.synckit.Instrumentation;
import io.synckit.WrongExpectedVersionException;
import io.synckit.postgres.boot.EventHandlerContext;
import io.synckit.postgres.boot.EventHandlerConvention;
import io.synckit.postgres.boot.EventStoreOperationContext;
import io.synckit.postgres.boot.EventStoreOperationConvention;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Supplier;

/** An observation for each operation and each call of a handler, from which timers and spans are made, and what only a counter tells. */
final class ObservedOperations implements Instrumentation {

    private final ObservationRegistry observations;
    private final EventStoreOperationConvention operations;
    private final EventHandlerConvention handlers;
    private final MeterRegistry meters;
    private final Map<String, Counter> events = new ConcurrentHashMap<>();
    private final Map<String, Timer> delays = new ConcurrentHashMap<>();
    private final Counter duplicates;
    private final Counter conflicts;

    ObservedOperations(
            ObservationRegistry observations,
            EventStoreOperationConvention operations,
            EventHandlerConvention handlers,
            MeterRegistry meters) {
        this.observations = observations;
        this.operations = operations;
        this.handlers = handlers;
        this.meters = meters;
        this.duplicates = Counter.builder("synckit.duplicates")
                .description("Events that were stored already")
                .baseUnit("events")
                .register(meters);
        this.conflicts = Counter.builder("synckit.conflicts")
                .description("Appends that lost against another writer of the aggregate")
                .baseUnit("appends")
                .register(meters);
    }

    @Override
    public <R> R operation(Operation operation, Supplier<R> call) {
        Observation observation =
                Observation.createNotStarted(operations, () -> new EventStoreOperationContext(operation), observations);
        try {
            return observation.observe(call);
        } catch (DuplicateEventException e) {
            duplicates.increment();
            throw e;
        } catch (WrongExpectedVersionException e) {
            conflicts.increment();
            throw e;
        } finally {
            count(operation);
        }
    }

    private void count(Operation operation) {
        if (operation.events() > 0) {
            events.computeIfAbsent(operation.name(), this::eventsOf).increment(operation.events());
        }
        if (operation.alreadyStored() > 0) {
            duplicates.increment(operation.alreadyStored());
        }
    }

    private Counter eventsOf(String operation) {
        return Counter.builder("synckit.events")
                .description("Events that were stored or read")
                .baseUnit("events")
                .tag("operation", operation)
                .register(meters);
    }

    @Override
    public void handling(Handling handling, HandlerCall call) throws Exception {
        if (!handling.replay()) {
            delays.computeIfAbsent(handling.kind(), this::delayOf).record(delay(handling));
        }
        Observation observation =
                Observation.createNotStarted(handlers, () -> new EventHandlerContext(handling), observations);
        observation.observeChecked(call::run);
    }

    private static Duration delay(Handling handling) {
        Duration delay = Duration.between(handling.event().createdAt(), Instant.now());
        return delay.isNegative() ? Duration.ZERO : delay;
    }

    private Timer delayOf(String kind) {
        return Timer.builder("synckit.delivery.delay")
                .description("From when the database took an event, by its clock, to when a handler got it")
                .tag("kind", kind)
                .register(meters);
    }
}
