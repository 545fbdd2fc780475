package io.synckit.benchmarks;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;

/** Rounds in which everybody has a turn, in another order each time; the first are to get warm. */
final class Turns {

    private static final Random RANDOM = new Random(1);

    private Turns() {}

    /** One turn of a contender. */
    interface Turn<T> {
        void take(T whose, boolean counts) throws Exception;
    }

    static <T> void take(int warmUp, int rounds, List<T> whose, Turn<T> turn) throws Exception {
        for (int round = -warmUp; round < rounds; round++) {
            List<T> order = new ArrayList<>(whose);
            Collections.shuffle(order, RANDOM);
            for (T each : order) {
                turn.take(each, round >= 0);
            }
        }
    }
}
