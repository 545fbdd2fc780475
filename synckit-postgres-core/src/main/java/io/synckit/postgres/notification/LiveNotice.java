package io.synckit.postgres.notification;

import io.synckit.Version;
import java.time.Duration;

/** What happens to a live subscription besides events. */
public sealed interface LiveNotice {

    /**
     * The listener was away and is back. Nothing is lost: what was committed meanwhile comes next, or came already by polling.
     *
     * @param caughtUpFrom the last version before
     * @param away for how long
     */
    record Reconnected(Version caughtUpFrom, Duration away) implements LiveNotice {}

    /**
     * The subscriber was slow, and events in {@code (after, upTo]} are not delivered; they are in the store.
     *
     * @param events how many
     */
    record Dropped(Version after, Version upTo, long events) implements LiveNotice {}

    /**
     * The subscription has ended.
     *
     * @param failure {@link io.synckit.SlowSubscriberException} or {@link io.synckit.HistoryChangedException}
     */
    record Ended(RuntimeException failure) implements LiveNotice {}
}
