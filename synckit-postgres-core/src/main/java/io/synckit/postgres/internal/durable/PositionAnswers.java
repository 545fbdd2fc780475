package io.synckit.postgres.internal.durable;

import io.synckit.postgres.internal.runtime.Clock;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * Answers other processes that wait until a subscription has reached a version: stores the positions of this process that have reached it,
 * and notifies them. A process that waits repeats its request every second. Thread-safe.
 */
final class PositionAnswers {

    private static final int MAX_AWAITED = 10_000;

    /** Time after which expired versions are removed again. */
    private static final long REMOVE_AFTER = Duration.ofMillis(100).toNanos();

    /** Time after which no process waits for a version any more, because the request was not repeated. */
    private static final long VALID = Duration.ofSeconds(3).toNanos();

    /** Time after which a locked row may be tried again, if its partition has moved, so that the transaction of its handler may have ended. */
    private static final long IF_MOVED = Duration.ofMillis(20).toNanos();

    /** Time after which a locked row may be tried again. */
    private static final long AT_LAST = Duration.ofMillis(500).toNanos();

    private final String subscription;
    private final Coordinator coordinator;
    private final Clock clock;

    /** Versions, and until when they are waited for. */
    private final NavigableMap<Long, Long> awaited = new ConcurrentSkipListMap<>();

    /** Partitions whose rows are locked, for example by their handlers. */
    private final Map<PartitionRun, Locked> locked = new ConcurrentHashMap<>();

    private final AtomicBoolean planned = new AtomicBoolean();
    private volatile long removedAt;

    PositionAnswers(String subscription, Coordinator coordinator, Clock clock) {
        this.subscription = subscription;
        this.coordinator = coordinator;
        this.clock = clock;
        this.removedAt = clock.nanos();
    }

    /** Remembers that another process waits for a version, and answers it if it is reached. */
    void awaited(long version) {
        List<PartitionRun> mine = coordinator.runs(subscription);
        if (mine.stream().allMatch(run -> run.partition().answered() >= version)) {
            return;
        }
        awaited.put(version, clock.nanos() + VALID);
        mine.forEach(PartitionRun::wake);
        progressed();
    }

    /** Returns whether another process waits. */
    boolean isAwaited() {
        long now = clock.nanos();
        if (now - removedAt >= REMOVE_AFTER) {
            removedAt = now;
            awaited.values().removeIf(until -> now - until > 0);
            while (awaited.size() > MAX_AWAITED) {
                awaited.pollLastEntry(); // the requests are repeated
            }
        }
        return !awaited.isEmpty();
    }

    /** Answers the versions that are reached, because a partition of this process has moved. */
    void progressed() {
        if (isAwaited() && !unanswered().isEmpty() && planned.compareAndSet(false, true)) {
            coordinator.schedule(this::answer, 0);
        }
    }

    /** Returns the partitions that have reached a version that is waited for, except those that cannot store it because their rows are locked. */
    private List<Reached> unanswered() {
        return coordinator.runs(subscription).stream()
                .map(this::reached)
                .filter(reached -> reached.version > reached.run.partition().answered()
                        && (reached.run.partition().isStored(reached.version) || !isLocked(reached)))
                .toList();
    }

    private Reached reached(PartitionRun run) {
        long position = run.partition().position();
        Long version = awaited.floorKey(position);
        return new Reached(run, position, version == null ? -1 : version);
    }

    private boolean isLocked(Reached reached) {
        Locked last = locked.get(reached.run);
        if (last == null) {
            return false;
        }
        boolean moved = last.position != reached.position;
        return clock.nanos() - last.since < (moved ? IF_MOVED : AT_LAST);
    }

    private void answer() {
        planned.set(false);
        List<Reached> unanswered = unanswered();
        coordinator.flush(unanswered.stream().map(Reached::run).toList());
        boolean answered = false;
        for (Reached reached : unanswered) {
            if (reached.run.partition().isStored(reached.version)) {
                reached.run.partition().answered(reached.version);
                answered = true;
            } else {
                locked.put(reached.run, new Locked(reached.position, clock.nanos()));
            }
        }
        if (answered) {
            coordinator.send(Signals.reached(subscription));
        }
        List<PartitionRun> mine = coordinator.runs(subscription);
        locked.keySet().retainAll(mine);
        mine.stream()
                .mapToLong(run -> run.partition().answered())
                .min()
                .ifPresent(lowest -> awaited.headMap(lowest, true).clear());
    }

    /** @param version the last version that is waited for, up to the position; -1 if there is none */
    private record Reached(PartitionRun run, long position, long version) {}

    /** @param position the position of the partition when its row was locked */
    private record Locked(long position, long since) {}
}
