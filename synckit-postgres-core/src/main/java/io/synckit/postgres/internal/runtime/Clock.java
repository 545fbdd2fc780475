package io.synckit.postgres.internal.runtime;

import java.time.Instant;

/** The time. The only place that reads the clocks of the machine, so that tests of pure classes can choose the time. */
public interface Clock {

    /** The clocks of the machine. */
    Clock SYSTEM = new Clock() {
        @Override
        public long nanos() {
            return System.nanoTime();
        }

        @Override
        public Instant now() {
            return Instant.now();
        }
    };

    /** Returns nanoseconds since an arbitrary origin, for durations. */
    long nanos();

    /** Returns the current time. */
    Instant now();
}
