package io.synckit.benchmarks;

import java.lang.management.CompilationMXBean;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Callable;

/** Rounds in which every contender has a turn, in another order each time, and the turns before them. */
final class Turns {

    private static final Random RANDOM = new Random(1);

    /** Compilation is calm when it takes less of a turn than this. */
    private static final double CALM = 0.02;

    private static final int LEAST_TURNS = 2;

    private Turns() {}

    /** One turn of a contender. */
    interface Turn<T> {
        void take(T whose, boolean counts) throws Exception;
    }

    /** @param warmUp rounds that do not count */
    static <T> void take(int warmUp, int rounds, List<T> whose, Turn<T> turn) throws Exception {
        for (int round = -warmUp; round < rounds; round++) {
            List<T> order = new ArrayList<>(whose);
            Collections.shuffle(order, RANDOM);
            for (T each : order) {
                turn.take(each, round >= 0);
            }
        }
    }

    /**
     * Repeats a turn until the JIT compilers are calm. Meanwhile the pooled connections get their server-side plans.
     *
     * @param longest milliseconds; 0 for no warm-up
     */
    static void warmUp(int longest, Callable<?> turn) throws Exception {
        CompilationMXBean compilers = ManagementFactory.getCompilationMXBean();
        long end = System.nanoTime() + longest * 1_000_000L;
        double share = 1;
        for (int turns = 0; (turns < LEAST_TURNS || share > CALM) && System.nanoTime() < end; turns++) {
            long start = System.nanoTime();
            long compiled = compilers.getTotalCompilationTime();
            turn.call();
            share = (compilers.getTotalCompilationTime() - compiled) * 1e6 / (System.nanoTime() - start);
        }
    }
}
