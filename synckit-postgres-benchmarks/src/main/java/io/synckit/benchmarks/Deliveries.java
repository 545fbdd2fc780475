package io.synckit.benchmarks;

import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.function.LongConsumer;

/** Counts how often each event of a turn was delivered. */
final class Deliveries implements LongConsumer {

    private static final int MOST = 1 << 21;

    private final long first;
    private final AtomicIntegerArray counts = new AtomicIntegerArray(MOST);
    private final AtomicLong distinct = new AtomicLong();
    private final AtomicLong duplicates = new AtomicLong();

    /** @param first the lowest number of the turn's events */
    Deliveries(long first) {
        this.first = first;
    }

    @Override
    public void accept(long n) {
        long index = n - first;
        if (index < 0 || index >= MOST) {
            return; // of another turn
        }
        (counts.getAndIncrement((int) index) == 0 ? distinct : duplicates).incrementAndGet();
    }

    /** Waits, for a limited time, until this number of events is delivered. Returns how many are missing. */
    long missing(long stored, long nanos) {
        long end = System.nanoTime() + nanos;
        while (distinct.get() < stored && System.nanoTime() < end) {
            LockSupport.parkNanos(1_000_000);
        }
        return stored - distinct.get();
    }

    long duplicates() {
        return duplicates.get();
    }
}
