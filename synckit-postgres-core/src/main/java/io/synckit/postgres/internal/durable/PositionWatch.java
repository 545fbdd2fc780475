package io.synckit.postgres.internal.durable;

import io.synckit.postgres.internal.runtime.Clock;
import io.synckit.postgres.internal.sql.CheckpointAdmin.Row;
import io.synckit.postgres.internal.sql.ParkedAdmin.Waiting;
import io.synckit.subscription.DurableOptions;
import io.synckit.subscription.DurableSubscription.Outcome;
import java.time.Duration;
import java.util.List;
import java.util.NavigableSet;
import java.util.concurrent.ConcurrentSkipListSet;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Waits until a subscription has reached a version. Partitions of this process are watched in memory. For those of another process, the
 * table is read with growing pauses, and the owner sends a signal. Thread-safe.
 */
final class PositionWatch {

    private static final long FIRST_PAUSE = Duration.ofMillis(5).toNanos();
    private static final long MAX_PAUSE = Duration.ofMillis(250).toNanos();

    /** More versions are not kept. A process that waits for another version reads the table. */
    private static final int MAX_AWAITED = 1000;

    private final DurableOptions options;
    private final Database database;
    private final Coordinator coordinator;
    private final Clock clock;
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition moved = lock.newCondition();

    /** Versions for which other processes wait. */
    private final NavigableSet<Long> awaited = new ConcurrentSkipListSet<>();

    private int waiters;

    PositionWatch(DurableOptions options, Database database, Coordinator coordinator, Clock clock) {
        this.options = options;
        this.database = database;
        this.coordinator = coordinator;
        this.clock = clock;
    }

    /** A partition of this process has moved. */
    void progressed() {
        signal();
        if (!awaited.isEmpty()) {
            answer();
        }
    }

    /** Wakes the threads that wait for a version. */
    void signal() {
        lock.lock();
        try {
            if (waiters > 0) {
                moved.signalAll();
            }
        } finally {
            lock.unlock();
        }
    }

    /** Another process waits for a version. */
    void awaitedElsewhere(long version) {
        if (!coordinator.runs(options.name()).isEmpty()) {
            if (awaited.size() < MAX_AWAITED) {
                awaited.add(version);
            }
            wakeRuns();
            answer();
        }
    }

    /** Stores the positions and sends a signal when all partitions of this process have reached a version that is waited for. */
    private void answer() {
        List<PartitionRun> mine = coordinator.runs(options.name());
        long lowest =
                mine.stream().mapToLong(run -> run.partition().position()).min().orElse(Long.MAX_VALUE);
        long reached = 0;
        for (Long first = awaited.ceiling(Long.MIN_VALUE); first != null && first <= lowest; ) {
            if (awaited.remove(first)) {
                reached = first;
            }
            first = awaited.higher(first);
        }
        if (reached > 0) {
            coordinator.flushAndSend(mine, reached, Signals.reached(options.name()));
        }
    }

    private void wakeRuns() {
        coordinator.runs(options.name()).forEach(PartitionRun::wake);
    }

    Outcome await(long version, @Nullable String key, Duration timeout) throws InterruptedException {
        long end = clock.nanos() + timeout.toNanos();
        long pause = FIRST_PAUSE;
        boolean announced = false;
        while (true) {
            Outcome outcome = check(version, key);
            if (outcome != null) {
                return outcome;
            }
            long left = end - clock.nanos();
            if (left <= 0) {
                return Outcome.TIMEOUT;
            }
            wakeRuns();
            if (!announced) {
                database.send(Signals.waits(options.name(), version));
                announced = true;
            }
            awaitMove(Math.min(pause, left));
            pause = Math.min(2 * pause, MAX_PAUSE);
        }
    }

    private void awaitMove(long nanos) throws InterruptedException {
        lock.lock();
        waiters++;
        try {
            moved.await(nanos, TimeUnit.NANOSECONDS);
        } finally {
            waiters--;
            lock.unlock();
        }
    }

    /** Returns null if the version is not reached, or events wait for an attempt. */
    private @Nullable Outcome check(long version, @Nullable String key) {
        if (!isReached(version, key)) {
            return null;
        }
        Waiting waiting =
                database.query(connection -> database.parkedAdmin.waiting(connection, options.name(), key, version));
        if (waiting.parked()) {
            return Outcome.PARKED;
        }
        return waiting.retrying() ? null : Outcome.HANDLED;
    }

    private boolean isReached(long version, @Nullable String key) {
        List<PartitionRun> mine = coordinator.runs(options.name());
        int wanted = key == null ? -1 : KeyPartitions.of(key, options.partitions());
        int local = 0;
        for (PartitionRun run : mine) {
            if (wanted < 0 || run.partition().id().partition() == wanted) {
                if (run.partition().position() < version) {
                    return false;
                }
                local++;
            }
        }
        if (local == (wanted < 0 ? options.partitions() : 1)) {
            return true;
        }
        List<Row> rows = database.query(connection -> database.admin.list(connection, options.name()));
        for (Row row : rows) {
            boolean isMine = mine.stream().anyMatch(run -> run.partition().id().partition() == row.partition());
            if (!isMine && (wanted < 0 || row.partition() == wanted) && row.position() < version) {
                return false;
            }
        }
        return true;
    }
}
