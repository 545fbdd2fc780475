package io.synckit.subscription;

import io.synckit.Version;
import java.time.Duration;

/** A handle of a live subscription. Safe for use by many threads. */
public interface LiveSubscription extends AutoCloseable {

    /** Returns the name. */
    String name();

    /** Returns the last version up to which every event is handled, skipped or does not match. */
    Version position();

    /** Returns how many events were not delivered because the subscriber was slow. */
    long dropped();

    /** Returns how far the subscription is behind the reader of this process. */
    Lag lag();

    /** Returns whether the subscription has neither been closed nor ended by an error. */
    boolean isActive();

    /**
     * Ends the subscription. No further event is delivered. Waits up to 10 seconds for a handler call that runs, unless the handler
     * itself calls this. Closing again does nothing.
     */
    @Override
    void close();

    /**
     * How far a subscription is behind.
     *
     * @param versions versions between its position and the reader's, those of events that do not match included
     * @param time time since the later one of two instants: when the last handled event was stored, and when the subscription was last idle
     */
    record Lag(long versions, Duration time) implements Comparable<Lag> {

        /** No lag. */
        public static final Lag NONE = new Lag(0, Duration.ZERO);

        /** Compares by time, then by versions. */
        @Override
        public int compareTo(Lag other) {
            int byTime = time.compareTo(other.time);
            return byTime != 0 ? byTime : Long.compare(versions, other.versions);
        }
    }
}
