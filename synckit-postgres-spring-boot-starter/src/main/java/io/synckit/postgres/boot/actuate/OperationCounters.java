package io.synckit.postgres.boot.actuate;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import io.synckit.DuplicateEventException;
import io.synckit.Instrumentation.Handling;
import io.synckit.Instrumentation.Operation;
import io.synckit.WrongExpectedVersionException;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/** The counters of operations and handlers, besides their timers. */
final class OperationCounters {

    private static final Duration LONGEST = Duration.ofDays(365);

    private final MeterRegistry meters;
    private final Map<String, Counter> events = new ConcurrentHashMap<>();
    private final Map<String, Timer> delays = new ConcurrentHashMap<>();
    private final Counter duplicates;
    private final Counter conflicts;

    OperationCounters(MeterRegistry meters) {
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

    /** After a call of the store. */
    void completed(Operation operation, @Nullable Throwable failure) {
        if (failure instanceof DuplicateEventException) {
            duplicates.increment();
        } else if (failure instanceof WrongExpectedVersionException) {
            conflicts.increment();
        }
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

    /** Returns the value of the tag of a handler. Names of live subscriptions can be many. */
    static String subscription(Handling handling) {
        return handling.kind().equals("durable") ? handling.subscription() : "none";
    }

    /** Before a call of a handler. */
    void handed(Handling handling) {
        if (!handling.replay()) {
            delays.computeIfAbsent(handling.kind(), this::delayOf)
                    .record(delay(handling.event().createdAt()));
        }
    }

    /** Limits a delay to the range from 0 to a year, because times may be wrong or infinite. */
    private static Duration delay(Instant createdAt) {
        Instant now = Instant.now();
        if (createdAt.isAfter(now)) {
            return Duration.ZERO;
        }
        return createdAt.isBefore(now.minus(LONGEST)) ? LONGEST : Duration.between(createdAt, now);
    }

    private Timer delayOf(String kind) {
        return Timer.builder("synckit.delivery.delay")
                .description("From when the database took an event, by its clock, to when a handler got it")
                .tag("kind", kind)
                .register(meters);
    }
}
