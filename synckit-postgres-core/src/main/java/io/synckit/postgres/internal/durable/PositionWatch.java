package io.synckit.postgres.internal.durable;

import io.synckit.postgres.internal.runtime.Clock;
import io.synckit.postgres.internal.sql.CheckpointAdmin.Row;
import io.synckit.postgres.internal.sql.ParkedAdmin.Waiting;
import io.synckit.subscription.DurableOptions;
import io.synckit.subscription.DurableSubscription.Outcome;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Waits until a subscription has reached a version. Partitions of this process are watched in memory. For those of another process, the
 * table is read with growing pauses, and the owner sends a signal ({@link PositionAnswers}). Thread-safe.
 */
final class PositionWatch {

    private static final long FIRST_PAUSE = Duration.ofMillis(5).toNanos();
    private static final long MAX_PAUSE = Duration.ofMillis(250).toNanos();
    private static final Duration FOREVER = Duration.ofDays(36_500);

    /** Interval at which the signal is repeated, because the owner may have changed. */
    private static final long ANNOUNCE_AGAIN = Duration.ofSeconds(1).toNanos();

    private final DurableOptions options;
    private final Database database;
    private final Coordinator coordinator;
    private final Clock clock;
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition moved = lock.newCondition();
    private final Condition answered = lock.newCondition();

    PositionWatch(DurableOptions options, Database database, Coordinator coordinator, Clock clock) {
        this.options = options;
        this.database = database;
        this.coordinator = coordinator;
        this.clock = clock;
    }

    /** Wakes the waiting threads, because a partition of this process has moved. */
    void progressed() {
        signal(moved);
    }

    /** Wakes the waiting threads, because another process has stored a position that is waited for. */
    void answered() {
        signal(answered);
    }

    private void signal(Condition condition) {
        lock.lock();
        try {
            condition.signalAll();
        } finally {
            lock.unlock();
        }
    }

    Outcome await(long version, @Nullable String key, Duration timeout) throws InterruptedException {
        Wanted wanted = new Wanted(version, key, key == null ? -1 : KeyPartitions.of(key, options.partitions()));
        long end = clock.nanos() + (timeout.compareTo(FOREVER) < 0 ? timeout : FOREVER).toNanos();
        long announceAt = clock.nanos();
        long pause = FIRST_PAUSE;
        while (true) {
            List<PartitionRun> here = coordinator.runs(options.name()).stream()
                    .filter(run -> wanted.contains(run.partition().id().partition()))
                    .toList();
            boolean isAllHere = here.size() == (key == null ? options.partitions() : 1);
            boolean isReachedHere =
                    here.stream().allMatch(run -> run.partition().position() >= version);
            boolean isReached = isReachedHere && (isAllHere || isReachedElsewhere(wanted, here));
            Outcome outcome = isReached ? outcome(wanted) : null;
            if (outcome != null) {
                return outcome;
            }
            long left = end - clock.nanos();
            if (left <= 0) {
                return Outcome.TIMEOUT;
            }
            coordinator.runs(options.name()).forEach(PartitionRun::wake);
            if (!isReached && !isAllHere && clock.nanos() - announceAt >= 0) {
                database.send(Signals.waits(options.name(), version));
                announceAt = clock.nanos() + ANNOUNCE_AGAIN;
            }
            // If the partitions of this process have reached the version, their progress wakes no thread, because each
            // wake-up reads tables.
            await(isReachedHere ? answered : moved, Math.min(pause, left));
            pause = Math.min(2 * pause, MAX_PAUSE);
        }
    }

    private void await(Condition condition, long nanos) throws InterruptedException {
        lock.lock();
        try {
            condition.await(nanos, TimeUnit.NANOSECONDS);
        } finally {
            lock.unlock();
        }
    }

    private boolean isReachedElsewhere(Wanted wanted, List<PartitionRun> here) {
        List<Row> rows = database.query(connection -> database.admin.list(connection, options.name()));
        return rows.stream()
                .filter(row -> wanted.contains(row.partition()))
                .filter(row ->
                        here.stream().noneMatch(run -> run.partition().id().partition() == row.partition()))
                .allMatch(row -> row.position() >= wanted.version);
    }

    /** Returns null if events wait for an attempt. */
    private @Nullable Outcome outcome(Wanted wanted) {
        Waiting waiting = database.query(
                connection -> database.parkedAdmin.waiting(connection, options.name(), wanted.key, wanted.version));
        if (waiting.parked()) {
            return Outcome.PARKED;
        }
        return waiting.retrying() ? null : Outcome.HANDLED;
    }

    /** @param partition the partition of the key; -1 if there is no key */
    private record Wanted(long version, @Nullable String key, int partition) {

        boolean contains(int other) {
            return partition < 0 || partition == other;
        }
    }
}
