package io.synckit.postgres.internal.durable;

import io.synckit.subscription.DurableSubscription.Counts;
import java.util.concurrent.atomic.LongAdder;

/** The numbers of a partition since the start of the process. Thread-safe. */
final class Counters {

    final LongAdder handled = new LongAdder();
    final LongAdder failed = new LongAdder();
    final LongAdder retried = new LongAdder();
    final LongAdder parked = new LongAdder();
    final LongAdder skipped = new LongAdder();
    final LongAdder claims = new LongAdder();
    volatile int batchSize;

    Counts now() {
        return new Counts(
                handled.sum(), failed.sum(), retried.sum(), parked.sum(), skipped.sum(), claims.sum(), batchSize);
    }
}
