package io.synckit.postgres.internal.durable;

import io.synckit.postgres.internal.runtime.Clock;
import java.time.Duration;
import java.util.List;
import java.util.NavigableSet;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentSkipListSet;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * Answers other processes that wait until a subscription has reached a version: stores the positions of this process that have reached it,
 * and sends a signal. Thread-safe.
 */
final class PositionAnswers {

    /** More versions are not kept. A process that waits for another one repeats its signal. */
    private static final int MAX_AWAITED = 1000;

    /** Time after which no process waits any more, because those that wait repeat their signal every second. */
    private static final long VALID = Duration.ofSeconds(3).toNanos();

    private static final long FIRST_PAUSE = Duration.ofMillis(100).toNanos();
    private static final long MAX_PAUSE = Duration.ofSeconds(2).toNanos();

    private final String subscription;
    private final Coordinator coordinator;
    private final Clock clock;
    private final NavigableSet<Long> awaited = new ConcurrentSkipListSet<>();
    private final AtomicBoolean planned = new AtomicBoolean();

    /** Partitions whose rows are locked, for example by their handlers. They are tried again after a pause. */
    private final Set<PartitionRun> locked = ConcurrentHashMap.newKeySet();

    private volatile long validUntil;

    /** The fields from here on are used by the coordinator's thread. */
    private boolean plannedAgain;

    private long pause = FIRST_PAUSE;

    PositionAnswers(String subscription, Coordinator coordinator, Clock clock) {
        this.subscription = subscription;
        this.coordinator = coordinator;
        this.clock = clock;
    }

    /** Another process waits for a version. */
    void awaited(long version) {
        List<PartitionRun> mine = coordinator.runs(subscription);
        if (mine.stream().allMatch(run -> run.partition().answered() >= version)) {
            return;
        }
        validUntil = clock.nanos() + VALID;
        awaited.add(version);
        if (awaited.size() > MAX_AWAITED) {
            awaited.pollFirst();
        }
        mine.forEach(PartitionRun::wake);
        progressed();
    }

    /** A partition of this process has moved. */
    void progressed() {
        if (!awaited.isEmpty()
                && coordinator.runs(subscription).stream().anyMatch(this::mustAnswer)
                && planned.compareAndSet(false, true)) {
            coordinator.schedule(this::answer, 0);
        }
    }

    private boolean mustAnswer(PartitionRun run) {
        return reached(run) > run.partition().answered() && !locked.contains(run);
    }

    /** Returns the last version that is waited for and reached; -1 if there is none. */
    private long reached(PartitionRun run) {
        Long version = awaited.floor(run.partition().position());
        return version == null ? -1 : version;
    }

    private void answer() {
        planned.set(false);
        if (clock.nanos() - validUntil > 0) {
            awaited.clear();
            return;
        }
        List<PartitionRun> mine = coordinator.runs(subscription);
        List<PartitionRun> due = mine.stream().filter(this::mustAnswer).toList();
        coordinator.flush(due);
        boolean answered = false;
        for (PartitionRun run : due) {
            long version = reached(run);
            if (run.partition().isStored(version)) {
                run.partition().answered(version);
                answered = true;
            } else {
                locked.add(run);
            }
        }
        mine.stream()
                .mapToLong(run -> run.partition().answered())
                .min()
                .ifPresent(lowest -> awaited.headSet(lowest, true).clear());
        if (answered) {
            coordinator.send(Signals.reached(subscription));
            pause = FIRST_PAUSE;
        }
        if (!locked.isEmpty()) {
            answerAgain();
        }
    }

    private void answerAgain() {
        if (!plannedAgain) {
            plannedAgain = true;
            coordinator.schedule(
                    () -> {
                        plannedAgain = false;
                        locked.clear();
                        answer();
                    },
                    pause);
            pause = Math.min(2 * pause, MAX_PAUSE);
        }
    }
}
