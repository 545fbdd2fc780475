package io.synckit.postgres.internal.durable;

import io.synckit.Causation;
import io.synckit.Instrumentation;
import io.synckit.StoredEvent;
import io.synckit.postgres.internal.durable.DurableLog.Item;
import io.synckit.postgres.internal.runtime.Clock;
import io.synckit.subscription.DurableBatchHandler;
import io.synckit.subscription.DurableEventHandler;
import io.synckit.subscription.DurableOptions;
import io.synckit.subscription.EventContext;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.slf4j.MDC;

/** Calls the handler of a partition, and knows since when a call runs. One thread calls at a time. */
final class HandlerCalls {

    private static final String KIND = "durable";
    private static final String MDC_SUBSCRIPTION = "synckit.subscription";
    private static final String MDC_VERSION = "synckit.version";

    private final DurableOptions options;
    private final int partition;
    private final Handler handler;
    private final Instrumentation instrumentation;
    private final Clock clock;
    private volatile long replayUntil;
    private volatile long startedAt;
    private boolean stores;

    HandlerCalls(DurableOptions options, int partition, Handler handler, Instrumentation instrumentation, Clock clock) {
        this.options = options;
        this.partition = partition;
        this.handler = handler;
        this.instrumentation = instrumentation;
        this.clock = clock;
    }

    void replayUntil(long version) {
        replayUntil = version;
    }

    /** Returns how long the current call has run; zero if none runs. */
    Duration runs() {
        long started = startedAt;
        return started == 0 ? Duration.ZERO : Duration.ofNanos(clock.nanos() - started);
    }

    /** Returns whether the handler has stored events since the last call of this method. */
    boolean takeStores() {
        boolean taken = stores;
        stores = false;
        return taken;
    }

    boolean isOfBatches() {
        return handler.ofBatches != null;
    }

    /**
     * Handles items.
     *
     * @param progress receives the number of items that are handled, after each of them, and is asked before each further call whether to end
     * @return the number of items that are handled
     */
    int handle(List<Item> items, int attempt, Progress progress) throws Exception {
        for (Item item : items) {
            if (item.failure() != null) {
                progress.failsAt(items.indexOf(item));
                rethrow(item.failure());
            }
        }
        if (handler.ofBatches != null) {
            DurableBatchHandler batches = handler.ofBatches;
            List<StoredEvent> events = items.stream().map(Item::event).toList();
            call(events.get(0), attempt, context -> batches.handle(events, context));
            progress.handled(items.size());
            return items.size();
        }
        for (int i = 0; i < items.size(); i++) {
            if (i > 0 && progress.mustEnd()) {
                return i;
            }
            StoredEvent event = items.get(i).event();
            progress.failsAt(i);
            DurableEventHandler single = handler.ofEvents;
            if (single != null) {
                call(event, attempt, context -> single.handle(event, context));
            }
            progress.handled(i + 1);
        }
        return items.size();
    }

    private static void rethrow(Throwable failure) throws Exception {
        if (failure instanceof Exception exception) {
            throw exception;
        }
        if (failure instanceof Error error) {
            throw error;
        }
        throw new IllegalStateException(failure);
    }

    private void call(StoredEvent event, int attempt, Call call) throws Exception {
        boolean replay = event.version().value() <= replayUntil;
        EventContext context = new EventContext(options.name(), partition, attempt, replay);
        // A handler of the pool's thread may have left the flag.
        Thread.interrupted();
        MDC.put(MDC_SUBSCRIPTION, options.name());
        MDC.put(MDC_VERSION, event.version().toString());
        startedAt = clock.nanos();
        try {
            Causation.by(event, () -> {
                instrumentation.handling(
                        new Instrumentation.Handling(KIND, options.name(), event, replay), () -> call.handle(context));
                stores |= Causation.stores();
            });
        } finally {
            startedAt = 0;
            MDC.remove(MDC_SUBSCRIPTION);
            MDC.remove(MDC_VERSION);
        }
    }

    @FunctionalInterface
    private interface Call {
        void handle(EventContext context) throws Exception;
    }

    /** Receives the progress of a batch. */
    interface Progress {

        /** A failure of the following call concerns this item. */
        default void failsAt(int index) {}

        /** Items that are handled. */
        default void handled(int items) {}

        /** Returns whether the handler must not be called for the next item. Not asked by a handler of batches. */
        default boolean mustEnd() {
            return false;
        }
    }

    /** A handler of events or of batches. */
    static final class Handler {

        private final @Nullable DurableEventHandler ofEvents;
        private final @Nullable DurableBatchHandler ofBatches;

        private Handler(@Nullable DurableEventHandler ofEvents, @Nullable DurableBatchHandler ofBatches) {
            this.ofEvents = ofEvents;
            this.ofBatches = ofBatches;
        }

        static Handler of(DurableEventHandler handler) {
            return new Handler(handler, null);
        }

        static Handler ofBatches(DurableBatchHandler handler) {
            return new Handler(null, handler);
        }
    }
}
