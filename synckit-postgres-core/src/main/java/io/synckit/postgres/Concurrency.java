package io.synckit.postgres;

import java.util.Arrays;

/**
 * How many transactions of {@link WriteGroups} may be under way at once. Few make large groups, which is best where processors are
 * busy; many are best where a commit waits for a slow disk or a standby. Which it is shows only in how long callers wait: so that is
 * measured, and the choice with the shortest times is kept. What was measured of the others fades, until they look good enough to be
 * tried again. Times are in nanoseconds. Not thread-safe.
 */
final class Concurrency {

    private static final int[] CHOICES = {1, 4, 16};

    /** A measurement has at least so many events. */
    static final int LEAST_EVENTS = 200;

    /** And takes so long; the first one of another choice less, since that may be a bad one. */
    static final long LEAST_NANOS = 50_000_000;

    private static final long LEAST_NANOS_AT_FIRST = 10_000_000;

    /**
     * What a measurement is worth after each one of another choice: who was worse is tried again, the later the worse it was, and the later
     * the more often it was tried in vain.
     */
    private static final double FADING = 0.9;

    private static final double SLOWEST_FADING = 0.995;

    /** Mean time of an event, as measured last; 0 is not known, and better than all that are. */
    private final double[] times = new double[CHOICES.length];

    private final double[] fadings = new double[CHOICES.length];

    /** That of the measurement before, if there was no other choice between. */
    private double before = Double.MAX_VALUE;

    private int choice = 1;

    /** When the choice was made. */
    private long since;

    /** When the measurement began. */
    private long start;

    private int events;
    private double sum;

    Concurrency(long now) {
        this.since = now;
        this.start = now;
        Arrays.fill(fadings, FADING);
    }

    /** The present choice. */
    int most() {
        return CHOICES[choice];
    }

    /** An event is stored, which came then. */
    void stored(long came, long now) {
        if (came - since < 0) {
            // It began under another choice.
            return;
        }
        // Logarithms, because one that waits long is not many.
        sum += Math.log(Math.max(now - came, 1));
        events++;
        long least = before == Double.MAX_VALUE ? LEAST_NANOS_AT_FIRST : LEAST_NANOS;
        if (events >= LEAST_EVENTS && now - start >= least) {
            boolean tried = before == Double.MAX_VALUE;
            measured(Math.exp(sum / events));
            sum = 0;
            events = 0;
            start = now;
            int best = best();
            if (best != choice) {
                fadings[choice] = tried ? Math.min(Math.sqrt(fadings[choice]), SLOWEST_FADING) : FADING;
                choice = best;
                before = Double.MAX_VALUE;
                since = now;
            }
        }
    }

    private void measured(double mean) {
        for (int i = 0; i < times.length; i++) {
            times[i] *= fadings[i];
        }
        // A checkpoint, a collection, a start from rest: what is slow once does not count.
        times[choice] = Math.min(mean, before);
        before = mean;
    }

    private int best() {
        int best = 0;
        for (int i = 1; i < CHOICES.length; i++) {
            best = times[i] < times[best] ? i : best;
        }
        return best;
    }
}
