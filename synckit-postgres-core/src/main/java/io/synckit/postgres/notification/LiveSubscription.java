package io.synckit.postgres.notification;

import io.synckit.Version;
import java.time.Duration;

/** A handle of a live subscription. */
public interface LiveSubscription extends AutoCloseable {

    /** The channel it belongs to: {@code events_global} or {@code stream_<aggregate id>}. */
    String channel();

    /** The last version that it is past: handled, or of no interest to it. */
    Version position();

    /** How many events were not delivered to it because its subscriber was slow. */
    long dropped();

    /** How far it is behind the listener's reader. */
    Lag lag();

    /** Whether it has neither been closed nor ended by an error. */
    boolean isActive();

    /**
     * Ends the subscription. No further event is delivered. Waits up to 10 seconds for a handler call that runs, unless the handler
     * itself calls this. Closing again does nothing.
     */
    @Override
    void close();

    /**
     * How far behind.
     *
     * @param versions between its position and what has been read; numbers of events that it does not want count as well
     * @param time since what it has handled last was stored, or since it had nothing left to do if that is later
     */
    record Lag(long versions, Duration time) implements Comparable<Lag> {

        /** None. */
        public static final Lag NONE = new Lag(0, Duration.ZERO);

        /** By time. */
        @Override
        public int compareTo(Lag other) {
            int byTime = time.compareTo(other.time);
            return byTime != 0 ? byTime : Long.compare(versions, other.versions);
        }
    }
}
