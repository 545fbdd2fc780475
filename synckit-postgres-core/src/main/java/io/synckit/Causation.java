package io.synckit;

import java.util.Map;
import java.util.Optional;

/**
 * The event that a thread handles. Events that the thread stores meanwhile get the metadata {@value #CAUSATION_ID}, the id of the handled
 * event, and {@value #CORRELATION_ID}, the correlation id of the handled event or, if it has none, its id. Metadata of the caller with these names is not changed.
 */
public final class Causation {

    /** Metadata key of the id of the handled event. */
    public static final String CAUSATION_ID = "causationId";
    /** Metadata key of the id of the event at the start of the chain. */
    public static final String CORRELATION_ID = "correlationId";

    private static final ThreadLocal<Handled> CAUSE = new ThreadLocal<>();

    private Causation() {}

    /** Returns the event that this thread handles. */
    public static Optional<StoredEvent> current() {
        return Optional.ofNullable(CAUSE.get()).map(handled -> handled.event);
    }

    /** Runs an action as the handling of an event, for a handler that continues on another thread. */
    public static void by(StoredEvent event, Instrumentation.HandlerCall work) throws Exception {
        Handled before = CAUSE.get();
        CAUSE.set(new Handled(event));
        try {
            work.run();
        } finally {
            if (before == null) {
                CAUSE.remove();
            } else {
                CAUSE.set(before);
            }
        }
    }

    /** Returns the metadata of events that this thread stores now; empty if it handles none. */
    public static Map<String, String> metadata() {
        Handled handled = CAUSE.get();
        if (handled == null) {
            return Map.of();
        }
        handled.stores = true;
        StoredEvent cause = handled.event;
        return Map.of(CAUSATION_ID, cause.id(), CORRELATION_ID, correlation(cause));
    }

    /** Returns whether this thread has stored an event, or has tried to, since it began to handle the current one. */
    public static boolean stores() {
        Handled handled = CAUSE.get();
        return handled != null && handled.stores;
    }

    /** Another program may have stored any value. Only one that can be an id is used. */
    private static String correlation(StoredEvent cause) {
        try {
            Object known = cause.metadata().get(CORRELATION_ID);
            return known instanceof String text && text.length() <= Event.MAX_KEY_LENGTH ? text : cause.id();
        } catch (UnreadableEventException e) {
            return cause.id();
        }
    }

    /** The event that a thread handles. Used by that thread only. */
    private static final class Handled {

        private final StoredEvent event;
        private boolean stores;

        Handled(StoredEvent event) {
            this.event = event;
        }
    }
}
