package io.synckit.postgres;

/**
 * How many transactions of {@link WriteGroups} may be under way at once. Few make large groups, which is best where processors are
 * busy; many are best where a commit waits for a slow disk or a standby. Which it is shows only in how long callers wait: so that is
 * measured, and the choice with the shortest times is kept. The others are tried for a moment now and then: often at first and when
 * the times have become others, more and more rarely while that is in vain. Times are in nanoseconds. Not thread-safe.
 */
final class Concurrency {

    private static final int[] CHOICES = {1, 4, 16};

    /** A measurement has at least so many events. */
    static final int LEAST_EVENTS = 200;

    /** And takes so long; that of a trial less, since it may be of a bad choice. */
    static final long LEAST_NANOS = 50_000_000;

    private static final long LEAST_NANOS_OF_A_TRIAL = 20_000_000;

    /** A trial goes on while times become so much shorter: each connection has to plan its statements first. */
    private static final double GETTING_BETTER = 0.95;

    /** It is over when so many measurements in a row were not. */
    private static final int NOT_BETTER = 2;

    /** The share of the usual time that the time of a trial must be below. */
    private static final double WINS = 0.9;

    /** Measurements before the next trial; half as many more after each one in vain. */
    private static final int SHORTEST_REST = 4;

    private static final int LONGEST_REST = 64;

    /** How much of a measurement gets into the usual time: a checkpoint or a collection is not usual. */
    private static final double WEIGHT = 0.3;

    private static final double OTHER_TIMES = 1.5;

    /** Places among the choices. */
    private int kept = 1;

    private int choice = kept;

    /** When the choice was made. */
    private long since;

    /** When the measurement began. */
    private long start;

    private int events;
    private double sum;

    /** Mean time of an event under the choice that is kept; 0 is not known. */
    private double usual;

    /** What it was when trials began to be often. */
    private double usualOnce;

    private int rest = SHORTEST_REST;
    private int measurementsToTrial = rest;
    private int lastTried = kept;

    /** The shortest time of the trial; infinite if there is none yet. */
    private double tried = Double.POSITIVE_INFINITY;

    private int notBetter;

    Concurrency(long now) {
        this.since = now;
        this.start = now;
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
        if (events >= LEAST_EVENTS && now - start >= (choice == kept ? LEAST_NANOS : LEAST_NANOS_OF_A_TRIAL)) {
            double mean = Math.exp(sum / events);
            sum = 0;
            events = 0;
            start = now;
            if (choice == kept) {
                measured(mean, now);
            } else {
                tried(mean, now);
            }
        }
    }

    private void measured(double mean, long now) {
        usual = usual == 0 ? mean : usual + WEIGHT * (mean - usual);
        if (usual > usualOnce * OTHER_TIMES || usual < usualOnce / OTHER_TIMES) {
            tryOften();
        }
        measurementsToTrial--;
        if (measurementsToTrial <= 0) {
            do {
                lastTried = (lastTried + 1) % CHOICES.length;
            } while (lastTried == kept);
            choose(lastTried, now);
        }
    }

    private void tried(double mean, long now) {
        notBetter = mean < tried * GETTING_BETTER ? 0 : notBetter + 1;
        tried = Math.min(mean, tried);
        if (notBetter < NOT_BETTER) {
            return;
        }
        if (tried < usual * WINS) {
            kept = choice;
            usual = tried;
            tryOften();
        } else {
            rest = Math.min(rest * 3 / 2, LONGEST_REST);
            measurementsToTrial = rest;
        }
        choose(kept, now);
    }

    private void tryOften() {
        usualOnce = usual;
        rest = SHORTEST_REST;
        measurementsToTrial = rest;
    }

    private void choose(int place, long now) {
        tried = Double.POSITIVE_INFINITY;
        notBetter = 0;
        if (choice != place) {
            choice = place;
            since = now;
        }
    }
}
