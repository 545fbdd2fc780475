package io.synckit;

import java.util.Map;
import java.util.Optional;

/**
 * The event that a thread handles. What is stored meanwhile on that thread carries in its metadata {@value #CAUSATION_ID}, the id of
 * that event, and {@value #CORRELATION_ID}, which it has from that event, or the id of the event where the chain began; unless the
 * caller has said something else.
 */
public final class Causation {

    public static final String CAUSATION_ID = "causationId";
    public static final String CORRELATION_ID = "correlationId";

    private static final ThreadLocal<StoredEvent> CAUSE = new ThreadLocal<>();

    private Causation() {}

    /** The event that this thread handles. */
    public static Optional<StoredEvent> current() {
        return Optional.ofNullable(CAUSE.get());
    }

    /** Runs something as the handling of an event, for a handler that goes on in another thread. */
    public static void by(StoredEvent event, Instrumentation.HandlerCall work) throws Exception {
        StoredEvent before = CAUSE.get();
        CAUSE.set(event);
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

    /** What events that are stored now on this thread carry; empty if it handles none. */
    public static Map<String, String> metadata() {
        StoredEvent cause = CAUSE.get();
        if (cause == null) {
            return Map.of();
        }
        return Map.of(CAUSATION_ID, cause.id(), CORRELATION_ID, correlation(cause));
    }

    /** Whatever another program has put there: only what can be an id is handed on. */
    private static String correlation(StoredEvent cause) {
        try {
            Object known = cause.metadata().get(CORRELATION_ID);
            return known instanceof String text && text.length() <= EventLimits.MAX_KEY_LENGTH ? text : cause.id();
        } catch (UnreadableEventException e) {
            return cause.id();
        }
    }
}
