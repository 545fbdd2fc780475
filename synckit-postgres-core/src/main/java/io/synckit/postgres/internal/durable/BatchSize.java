package io.synckit.postgres.internal.durable;

import java.time.Duration;

/**
 * The number of events of the next batch. It grows by a factor of two while transactions are short, and shrinks when they are long, because a batch is
 * repeated as a whole after a failure, and its transaction holds locks. Pure. Not thread-safe.
 */
final class BatchSize {

    /** A batch that is faster makes the next one larger. */
    static final long FAST = Duration.ofMillis(50).toNanos();

    /** A batch that is slower makes the next one smaller. */
    static final long SLOW = Duration.ofMillis(200).toNanos();

    /** The same limits if the handler stores events: its transaction holds back the readers of the log. */
    static final long FAST_WHEN_STORING = Duration.ofMillis(20).toNanos();

    static final long SLOW_WHEN_STORING = Duration.ofMillis(80).toNanos();

    private final int max;
    private int size = 1;

    BatchSize(int max) {
        this.max = max;
    }

    int size() {
        return size;
    }

    /** A batch has succeeded. */
    void succeeded(int events, long nanos, boolean hasStored) {
        if (nanos > (hasStored ? SLOW_WHEN_STORING : SLOW)) {
            size = Math.max(1, size / 2);
        } else if (events >= size && nanos < (hasStored ? FAST_WHEN_STORING : FAST)) {
            size = Math.min(max, size * 2);
        }
    }

    /**
     * A batch of more than one event has failed. The next one ends before the failing event, or is smaller.
     *
     * @param index index of the failing event; negative if it is not known
     */
    void failed(int events, int index) {
        size = index < 0 ? Math.max(1, events / 2) : Math.max(1, Math.min(index, max));
    }
}
