package io.synckit.postgres.internal.runtime;

import java.time.Duration;
import java.util.concurrent.ThreadLocalRandom;

/**
 * Pauses between attempts: twice as long each time, up to a minute or the first if that is longer, less up to a half at random, so
 * that many processes do not come back at the same moment.
 *
 * @param first the longest pause after the first failure
 */
public record Backoff(Duration first) {

    private static final long LONGEST = Duration.ofMinutes(1).toNanos();
    private static final int MOST_DOUBLINGS = 20;

    /** @param failures in a row, 1 or more */
    public Duration pause(int failures) {
        long least = first.toNanos();
        double doubled = least * Math.pow(2, Math.min(failures - 1, MOST_DOUBLINGS));
        long longest = (long) Math.min(doubled, Math.max(least, LONGEST));
        return Duration.ofNanos(longest - ThreadLocalRandom.current().nextLong(longest / 2 + 1));
    }
}
