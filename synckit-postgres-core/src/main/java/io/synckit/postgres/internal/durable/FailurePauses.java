package io.synckit.postgres.internal.durable;

import java.time.Duration;

/**
 * Counts the failures of a partition that are not of an event, for the pauses after them. Used by the thread that handles the partition,
 * except for {@link #databaseFound}.
 */
final class FailurePauses {

    private final RetryDelays delays = new RetryDelays(Duration.ofMillis(200), 2, Duration.ofSeconds(30));
    private String reason = "";
    private int failures;
    private boolean worked;
    private volatile boolean found;

    void turnBegins() {
        worked = false;
    }

    /** The database was used without a failure in this turn. */
    void databaseWorked() {
        worked = true;
    }

    /** The database was found again, so the next failure counts as the first one. */
    void databaseFound() {
        found = true;
    }

    /** Forgets the failures if the database works again. Returns whether it has failed before. */
    boolean haveEnded() {
        boolean ended = worked && failures > 0;
        if (ended) {
            failures = 0;
        }
        return ended;
    }

    /** Counts a failure. Returns whether it is the first one with this reason since the database has worked. */
    boolean isFirst(String of) {
        failures = of.equals(reason) && !found ? failures + 1 : 1;
        found = false;
        reason = of;
        return failures == 1;
    }

    /** Returns the pause after the last failure. */
    Duration next() {
        return delays.after(failures);
    }
}
