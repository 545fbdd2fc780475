package io.synckit.postgres;

import io.synckit.AppendResult;
import io.synckit.Causation;
import io.synckit.Instrumentation;
import io.synckit.Instrumentation.Operation;
import io.synckit.StoreClosedException;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.function.ToIntFunction;

/** Runs the calls of a store with its instrumentation, until the store is closed. Thread-safe. */
final class Operations {

    private final Instrumentation instrumentation;
    private final String table;
    private final AtomicBoolean closed = new AtomicBoolean();

    Operations(Instrumentation instrumentation, String table) {
        this.instrumentation = instrumentation;
        this.table = table;
    }

    /**
     * Runs a call that stores events.
     *
     * @param results gets the results of the events from the result of the call
     * @param work receives the metadata that is added to each event
     */
    <R> R append(String name, Function<R, List<AppendResult>> results, Function<Map<String, String>, R> work) {
        Operation operation = new Operation(name, table, true);
        Causation.metadata().forEach(operation::addMetadata);
        return run(operation, () -> {
            R result = work.apply(operation.metadata());
            List<AppendResult> all = results.apply(result);
            int alreadyStored =
                    (int) all.stream().filter(AppendResult::alreadyStored).count();
            operation.completed(all.size() - alreadyStored, alreadyStored);
            return result;
        });
    }

    /**
     * Runs a call that reads events.
     *
     * @param events gets the number of events from the result of the call
     */
    <R> R read(String name, ToIntFunction<R> events, Supplier<R> work) {
        Operation operation = new Operation(name, table, false);
        return run(operation, () -> {
            R result = work.get();
            operation.completed(events.applyAsInt(result), 0);
            return result;
        });
    }

    private <R> R run(Operation operation, Supplier<R> work) {
        requireOpen(operation.name());
        return instrumentation.operation(operation, work);
    }

    /** @throws StoreClosedException if the store is closed */
    void requireOpen(String operation) {
        if (closed.get()) {
            throw new StoreClosedException(operation);
        }
    }

    /** Rejects further calls. Returns whether the store was open. */
    boolean close() {
        return closed.compareAndSet(false, true);
    }
}
