package io.synckit.postgres.internal.durable;

import io.synckit.postgres.internal.runtime.Clock;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Gives partitions up and waits until other processes can claim them. A process without a connection counts as dead already, so it does not
 * wait for the database.
 */
final class Handover {

    private static final Duration POLL_INTERVAL = Duration.ofMillis(20);

    private static final Logger log = LoggerFactory.getLogger(Handover.class);

    private final Membership membership;
    private final Clock clock;
    private final long end;

    Handover(Membership membership, Duration limit, Clock clock) {
        this.membership = membership;
        this.clock = clock;
        this.end = clock.nanos() + limit.toNanos();
    }

    /** Gives partitions up after their running handler calls. Does not wait for the handler that has asked for it. */
    void release(Collection<PartitionRun> runs) {
        List<PartitionRun> releasing = List.copyOf(runs);
        releasing.forEach(PartitionRun::release);
        releasing.stream()
                .filter(run -> !run.isOnThisThread() && !run.isExempt())
                .forEach(this::await);
    }

    private void await(PartitionRun run) {
        try {
            while (!run.isExempt() && !run.awaitEnd(POLL_INTERVAL)) {
                if (!membership.isConnected()) {
                    run.lose();
                }
                if (clock.nanos() >= end) {
                    log.warn(
                            "durable.slow-handler: the handler of {} still runs; the partition counts as the one of a dead process",
                            run.partition().id());
                    return;
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Waits for work of the database that follows. */
    void await(CountDownLatch done) {
        try {
            while (!done.await(POLL_INTERVAL.toMillis(), TimeUnit.MILLISECONDS)) {
                if (!membership.isConnected() || clock.nanos() >= end) {
                    return;
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
