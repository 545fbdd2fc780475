package io.synckit;

import java.time.Instant;

/**
 * The log in the database is not the one that was read. After a restore, a fail-over to a standby that lacked the last commits, or a
 * TRUNCATE with RESTART IDENTITY, versions are given out again. Events up to {@link #safe()} are the same as before.
 */
public final class HistoryChangedException extends EventStoreException {

    private static final long serialVersionUID = 1;

    private final long safe;
    private final Instant detectedAt;

    /**
     * @param read the version up to which it was read
     * @param safe the version up to which the log is unchanged
     * @param detectedAt time of the detection
     */
    public HistoryChangedException(Version read, Version safe, Instant detectedAt) {
        super("the log was read up to version " + read + ", but it has changed since: a restore, a fail-over that lost"
                + " commits, or TRUNCATE with RESTART IDENTITY; undo the effects of the events after version " + safe
                + ", then subscribe again from there, or call replay of a durable subscription");
        this.safe = safe.value();
        this.detectedAt = detectedAt;
    }

    /** Returns the version from which to continue. */
    public Version safe() {
        return Version.of(safe);
    }

    /** Returns the time of the detection. */
    public Instant detectedAt() {
        return detectedAt;
    }
}
