package io.synckit.postgres.notification;

import io.synckit.Version;

/** A handle of a live subscription. */
public interface LiveSubscription extends AutoCloseable {

    /** The channel it belongs to: {@code events_global} or {@code stream_<aggregate id>}. */
    String channel();

    /** The last version that it is past: handled, or of no interest to it. */
    Version position();

    /** How many events were not delivered to it because its subscriber was slow. */
    long dropped();

    /** Whether it has neither been closed nor ended by an error. */
    boolean isActive();

    /** Ends it: no further event is begun. Closing again does nothing. */
    @Override
    void close();
}
