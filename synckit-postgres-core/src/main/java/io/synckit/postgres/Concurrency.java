package io.synckit.postgres;

/**
 * How many transactions of {@link WriteGroups} may be under way at once. Few make large groups, which is best where processors are
 * busy; many are best where a commit waits for a slow disk or a standby. Which it is shows only in how long callers wait: so it is
 * measured, for one choice at a time, and the best is kept, but for a look at another one now and then. Times are in nanoseconds. Not
 * thread-safe.
 */
final class Concurrency {

    private static final int[] CHOICES = {1, 4, 16};

    /** A choice is measured by at least so many events, for at least so long. */
    static final int LEAST_EVENTS = 100;

    static final long LEAST_NANOS = 50_000_000;

    /** What a measurement is worth after each one of another choice: who was worse is tried again, the later the worse it was. */
    private static final double FADING = 0.98;

    /** Mean time of an event; 0 is not known, and better than all that are. */
    private final double[] times = new double[CHOICES.length];

    private int choice = 1;
    private int last = -1;
    private long since;
    private int events;
    private double sum;

    Concurrency(long now) {
        this.since = now;
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
        sum += Math.log(now - came);
        events++;
        if (events >= LEAST_EVENTS && now - since >= LEAST_NANOS) {
            double mean = Math.exp(sum / events);
            for (int i = 0; i < times.length; i++) {
                times[i] *= FADING;
            }
            times[choice] = last == choice ? (times[choice] + mean) / 2 : mean;
            last = choice;
            sum = 0;
            events = 0;
            int best = best();
            if (best != choice) {
                choice = best;
                since = now;
            }
        }
    }

    private int best() {
        int best = 0;
        for (int i = 1; i < CHOICES.length; i++) {
            best = times[i] < times[best] ? i : best;
        }
        return best;
    }
}
