package io.synckit.postgres.notification;

/** What to do when more events wait for a subscriber than its buffer holds. None of them holds up anybody else. */
public enum SlowSubscriber {

    /** Let it lag: it reads from the table until it has caught up. Nothing is lost, and no memory used. */
    WAIT,

    /** Skip what waits, say so ({@link LiveNotice.Dropped}), and go on with what is new. */
    DROP,

    /** End the subscription with {@link io.synckit.SlowSubscriberException}. */
    CANCEL
}
