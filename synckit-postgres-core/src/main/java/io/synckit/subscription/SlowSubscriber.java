package io.synckit.subscription;

/** The reaction when more events wait for a subscriber than its buffer holds. None of them delays the reader. */
public enum SlowSubscriber {

    /** Lets it lag: it reads from the table until it has caught up. No event is skipped, and no memory is used. */
    WAIT,

    /** Skips the events that wait, sends {@link LiveNotice.Dropped}, and continues with new events. */
    DROP,

    /** Ends the subscription with {@link io.synckit.SlowSubscriberException}. */
    CANCEL
}
