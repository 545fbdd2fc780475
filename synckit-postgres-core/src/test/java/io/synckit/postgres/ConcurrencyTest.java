package io.synckit.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.function.IntToLongFunction;
import org.junit.jupiter.api.Test;

/** A clock of the test's own, and sixteen callers whose times depend on the choice as a server's would. */
class ConcurrencyTest {

    private static final int CALLERS = 16;

    private long now = 1;
    private final Concurrency concurrency = new Concurrency(now);

    /** Stores for a simulated time; the share of the events that were stored under the choice. */
    private double share(int most, IntToLongFunction micros, long seconds) {
        long end = now + seconds * 1_000_000_000;
        int events = 0;
        int under = 0;
        while (now < end) {
            under += concurrency.most() == most ? 1 : 0;
            events++;
            long took = micros.applyAsLong(concurrency.most()) * 1000;
            now += took / CALLERS;
            concurrency.stored(now - took, now);
        }
        return 1.0 * under / events;
    }

    @Test
    void theChoiceWithTheShortestTimesIsKept() {
        assertThat(share(1, most -> most == 1 ? 900 : 1500, 20)).isGreaterThan(0.85);
    }

    @Test
    void whatWasTriedInVainIsTriedMoreRarely() {
        share(1, most -> most == 1 ? 900 : 1500, 10);

        assertThat(share(1, most -> most == 1 ? 900 : 1500, 20)).isGreaterThan(0.95);
    }

    @Test
    void whenTheTimesChangeTheChoiceSoonDoes() {
        share(1, most -> most == 1 ? 900 : 1500, 60);

        assertThat(share(16, most -> most == 16 ? 2800 : 6000, 3)).isGreaterThan(0.5);

        assertThat(share(16, most -> most == 16 ? 2800 : 6000, 20)).isGreaterThan(0.85);
    }

    @Test
    void whatHasBecomeBetterIsFound() {
        share(1, most -> most == 1 ? 900 : 1500, 20);

        share(16, most -> most == 16 ? 500 : 900, 10);

        assertThat(share(16, most -> most == 16 ? 500 : 900, 20)).isGreaterThan(0.85);
    }

    /** Each connection plans a statement anew some times. */
    @Test
    void aTrialGoesOnWhileItsTimesBecomeShorter() {
        int[] planned = new int[1];

        double share = share(
                1,
                most -> {
                    planned[0] = most == 1 ? planned[0] + 1 : planned[0] < 1000 ? 0 : planned[0];
                    return most == 1 ? Math.max(4000 - 3 * planned[0], 900) : 1500;
                },
                20);

        assertThat(share).isGreaterThan(0.85);
    }

    @Test
    void whatBeganUnderAnotherChoiceDoesNotCount() {
        Concurrency unmeasured = new Concurrency(now);
        int first = unmeasured.most();

        for (int i = 1; i <= 50 * Concurrency.LEAST_EVENTS; i++) {
            unmeasured.stored(now - 1, now + Concurrency.LEAST_NANOS * i);

            assertThat(unmeasured.most()).isEqualTo(first);
        }
    }
}
