package io.synckit;

/**
 * The log in the database is not the one that was read: after a restore, or a fail-over to a standby that lacked the last commits,
 * versions are given out again. Events up to {@link #safe()} are the same as before.
 */
public final class HistoryChangedException extends EventStoreException {

    private static final long serialVersionUID = 1;

    private final long safe;

    /**
     * @param read how far it was read
     * @param safe the version up to which nothing has changed
     */
    public HistoryChangedException(Version read, Version safe) {
        super("the log was read up to version " + read
                + ", but that event is not there any more: the database was restored,"
                + " or a fail-over has lost its last commits; undo what came of the events after version " + safe
                + " and go on from there");
        this.safe = safe.value();
    }

    /** From where it is safe to go on. */
    public Version safe() {
        return Version.of(safe);
    }
}
