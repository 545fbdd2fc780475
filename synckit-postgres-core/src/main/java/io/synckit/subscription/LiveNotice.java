package io.synckit.subscription;

import io.synckit.Version;
import java.time.Duration;

/** A notice to a live subscription, besides events. */
public sealed interface LiveNotice {

    /**
     * The LISTEN connection was lost and is replaced. No event is lost: events committed meanwhile come next, or came already by polling.
     *
     * @param caughtUpFrom the last version that was read before
     * @param away how long the connection was lost
     */
    record Reconnected(Version caughtUpFrom, Duration away) implements LiveNotice {}

    /**
     * The subscriber was slow, so events in {@code (after, upTo]} are not delivered. They are still in the store.
     *
     * @param events number of events that are not delivered
     */
    record Dropped(Version after, Version upTo, long events) implements LiveNotice {}

    /**
     * The subscription has ended.
     *
     * @param failure {@link io.synckit.SlowSubscriberException} or {@link io.synckit.HistoryChangedException}
     */
    record Ended(RuntimeException failure) implements LiveNotice {}
}
