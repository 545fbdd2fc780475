package io.synckit;

/** A live subscription was ended because its subscriber had more events waiting than its buffer holds. */
public final class SlowSubscriberException extends EventStoreException {

    private static final long serialVersionUID = 1;

    private final long handled;

    /**
     * @param handled the last version that the subscriber has seen
     * @param buffer how many events may wait
     */
    public SlowSubscriberException(Version handled, int buffer) {
        super("the subscriber had more than " + buffer + " events waiting after version " + handled
                + "; subscribe again from there, with a larger buffer, a quicker handler, or whenSlow(WAIT)");
        this.handled = handled.value();
    }

    /** From where to subscribe again. */
    public Version handled() {
        return Version.of(handled);
    }
}
