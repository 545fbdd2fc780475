package io.synckit;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;

/**
 * Instruments operations of a store and calls of handlers, for metrics and traces. Each method must run its call exactly once, on the same
 * thread, and return or throw its outcome. It should be fast. Implementations are thread-safe.
 */
public interface Instrumentation {

    /** Does nothing. */
    Instrumentation NONE = new Instrumentation() {};

    /** Called around an operation of the store. */
    default <R> R operation(Operation operation, Supplier<R> call) {
        return call.get();
    }

    /** Called around a call of a handler. */
    default void handling(Handling handling, HandlerCall call) throws Exception {
        call.run();
    }

    /** Returns the composition of all, the first one outermost. */
    static Instrumentation of(List<? extends Instrumentation> all) {
        Instrumentation nested = NONE;
        for (int i = all.size() - 1; i >= 0; i--) {
            nested = nested == NONE ? all.get(i) : new NestedInstrumentation(all.get(i), nested);
        }
        return nested;
    }

    /** A call of a handler. */
    @FunctionalInterface
    interface HandlerCall {
        void run() throws Exception;
    }

    /**
     * The handling of an event.
     *
     * @param kind the kind of the subscription: {@code live} or {@code durable}
     * @param subscription name of the subscription
     * @param event the event; the first one of a batch
     * @param replay live: whether the event was stored before the subscription was created; durable: whether it is handled again after a
     *     replay
     */
    record Handling(String kind, String subscription, StoredEvent event, boolean replay) {}

    /** An operation of the store. */
    final class Operation {

        private final String name;
        private final String table;
        private final boolean append;
        private final Map<String, String> metadata = new LinkedHashMap<>(4);
        private int events;
        private int alreadyStored;

        /**
         * @param name the method of {@link EventStore}, or {@code storeGroup}. For {@code stream} and {@code streamByAggregate} it is only the opening. For {@code
         *     storeAsync} and {@code appendAsync} it is only the acceptance; {@code storeGroup} stores the accepted events
         * @param table schema and name of the events table
         * @param append whether the operation stores events
         */
        public Operation(String name, String table, boolean append) {
            this.name = name;
            this.table = table;
            this.append = append;
        }

        /** Returns the name of the method. */
        public String name() {
            return name;
        }

        /** Returns schema and name of the events table. */
        public String table() {
            return table;
        }

        /** Returns whether the operation stores events. */
        public boolean isAppend() {
            return append;
        }

        /** Adds metadata to each event that is stored, unless the event has the key. To be called before the call. */
        public void addMetadata(String key, String value) {
            metadata.put(key, value);
        }

        /** Returns the added metadata. */
        public Map<String, String> metadata() {
            return metadata;
        }

        /** Returns, after the call, how many events it has stored or read; 0 if it has failed. */
        public int events() {
            return events;
        }

        /** Returns, after the call, how many of the events were stored before ({@link OnDuplicate#RETURN_EXISTING}). */
        public int alreadyStored() {
            return alreadyStored;
        }

        /** Called by the store. */
        public void completed(int events, int alreadyStored) {
            this.events = events;
            this.alreadyStored = alreadyStored;
        }
    }
}
