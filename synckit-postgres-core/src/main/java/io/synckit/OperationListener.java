package io.synckit;

import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * Told when an operation of the store has ended, on the thread that called it: for metrics. It should be quick and must not throw.
 */
@FunctionalInterface
public interface OperationListener {

    /** Does nothing. */
    OperationListener NONE = operation -> {};

    void completed(Operation operation);

    /**
     * An operation that has ended.
     *
     * @param name the method of {@link EventStore}; for {@code stream} and {@code streamByAggregate} it is the opening only
     * @param took how long it took
     * @param events how many events it stored or read; 0 if it failed
     * @param failure what it threw, or null
     */
    record Operation(
            String name,
            Duration took,
            int events,
            @Nullable RuntimeException failure) {}
}
