package io.synckit;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;

/**
 * Goes around what a store and its subscriptions do: for metrics and traces. Each method must run what it is given exactly once, on the
 * same thread, and return or throw what that does. It should be quick.
 */
public interface Instrumentation {

    /** Does nothing. */
    Instrumentation NONE = new Instrumentation() {};

    /** Around a call of the store. */
    default <R> R operation(Operation operation, Supplier<R> call) {
        return call.get();
    }

    /** Around a call of a subscription's handler. */
    default void handling(Handling handling, HandlerCall call) throws Exception {
        call.run();
    }

    /** All of them, the first one outermost. */
    static Instrumentation of(List<? extends Instrumentation> all) {
        Instrumentation nested = NONE;
        for (int i = all.size() - 1; i >= 0; i--) {
            nested = nested == NONE ? all.get(i) : new NestedInstrumentation(all.get(i), nested);
        }
        return nested;
    }

    /** What a handler does. */
    @FunctionalInterface
    interface HandlerCall {
        void run() throws Exception;
    }

    /**
     * A handler is given an event.
     *
     * @param kind of the subscription: {@code live}
     * @param replay whether the event was there before the subscription was made
     */
    record Handling(String kind, StoredEvent event, boolean replay) {}

    /** A call of the store. */
    final class Operation {

        private final String name;
        private final String table;
        private final boolean append;
        private final Map<String, String> metadata = new LinkedHashMap<>(4);
        private int events;
        private int alreadyStored;

        /**
         * @param name the method of {@link EventStore}; for {@code stream} and {@code streamByAggregate} it is the opening only, for {@code
         *     storeAsync} the acceptance only, and what was accepted is stored by {@code storeGroup}
         * @param table schema and name of the events table
         * @param append whether it stores events
         */
        public Operation(String name, String table, boolean append) {
            this.name = name;
            this.table = table;
            this.append = append;
        }

        public String name() {
            return name;
        }

        public String table() {
            return table;
        }

        public boolean isAppend() {
            return append;
        }

        /** Before the call: what each event that is stored carries in its metadata, unless the caller has said something else. */
        public void addMetadata(String key, String value) {
            metadata.put(key, value);
        }

        /** What was added. */
        public Map<String, String> metadata() {
            return metadata;
        }

        /** After the call: how many events it stored or read; 0 if it failed. */
        public int events() {
            return events;
        }

        /** After the call: how many it was asked to store that were stored already ({@link OnDuplicate#RETURN_EXISTING}). */
        public int alreadyStored() {
            return alreadyStored;
        }

        /** For the store. */
        public void completed(int events, int alreadyStored) {
            this.events = events;
            this.alreadyStored = alreadyStored;
        }
    }
}
