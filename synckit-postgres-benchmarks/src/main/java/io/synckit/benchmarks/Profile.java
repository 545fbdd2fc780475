package io.synckit.benchmarks;

import java.util.Set;

/**
 * The duration of a run.
 *
 * @param warmUp longest warm-up of each contender in milliseconds; it ends when the compilers are calm
 * @param rounds in which all contenders have a turn
 * @param turn milliseconds
 * @param latencyRounds of each contender
 * @param latencyEvents in a round, 100 a second
 * @param saturated milliseconds
 * @param backlog events that are caught up with
 * @param sizes of the table at which append and stream read are measured
 * @param starts of each application
 * @param observedRounds of the four applications
 */
record Profile(
        String name,
        int warmUp,
        int rounds,
        int turn,
        int latencyRounds,
        int latencyEvents,
        int saturated,
        int backlog,
        int[] sizes,
        int starts,
        int observedRounds) {

    private static final Set<String> NOT_TUNED =
            Set.of("Axon", "Essentials", "Spring Integration", "synckit, each-event", "synckit, polling");

    /** Checks only that everything runs. */
    static final Profile SMOKE = new Profile("smoke", 0, 1, 200, 1, 50, 500, 5_000, new int[] {2_000, 4_000}, 1, 0);

    /** For a change of the code. */
    static final Profile QUICK =
            new Profile("quick", 12_000, 5, 1_000, 2, 100, 4_000, 60_000, new int[] {10_000, 100_000}, 2, 0);

    /** What docs/performance.md shows. */
    static final Profile FULL = new Profile(
            "full", 15_000, 7, 2_000, 3, 150, 10_000, 1_000_000, new int[] {100_000, 1_000_000, 10_000_000}, 4, 15);

    /** Returns whether a contender appends. A quick run leaves out variants with default settings if there is a tuned one. */
    boolean includes(String contender) {
        return this != QUICK || !NOT_TUNED.contains(contender);
    }

    /** Returns the number of rounds that do not count: none in a smoke run. */
    int first(int rounds) {
        return this == SMOKE ? 0 : rounds;
    }

    @Override
    public String toString() {
        return name;
    }
}
