package io.synckit;

/** A live subscription has ended, because more events waited for its subscriber than its buffer holds. */
public final class SlowSubscriberException extends EventStoreException {

    private static final long serialVersionUID = 1;

    private final long handled;

    /**
     * @param handled the last version that the subscriber has received
     * @param buffer how many events may wait
     */
    public SlowSubscriberException(Version handled, int buffer) {
        super("the subscriber had more than " + buffer + " events waiting after version " + handled
                + "; subscribe again from there, with a larger buffer, a faster handler, or whenSlow(WAIT)");
        this.handled = handled.value();
    }

    /** Returns the version from which to subscribe again. */
    public Version handled() {
        return Version.of(handled);
    }
}
