package io.synckit.postgres.internal.durable;

import io.synckit.postgres.internal.runtime.SafeLog;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Handles an owned partition on the handler threads, one thread at a time, in turns of limited length. Ends when the partition is lost
 * or released. Thread-safe.
 */
final class PartitionRun implements Runnable {

    private static final long TURN = Duration.ofMillis(20).toNanos();
    private static final long NEVER = Long.MAX_VALUE;
    private static final Duration SILENCE_PAUSE = Duration.ofMillis(200);

    private static final Logger log = LoggerFactory.getLogger(PartitionRun.class);

    private final OwnedPartition partition;
    private final ParkedKeys keys;
    private final MainFlow main;
    private final Flows flows;
    private final CarefulMode careful;
    private final PartitionHost host;
    private final Turns turns = new Turns();
    private final CountDownLatch end = new CountDownLatch(1);
    private volatile @Nullable Thread thread;
    private final WakeUp wakeUp = new WakeUp(this::wake);
    private volatile boolean exempt;
    private volatile boolean mustReset;
    private final PendingCommands commands;
    private volatile boolean waitsForDatabase;
    private volatile @Nullable RuntimeException stopCause;
    private volatile boolean ended;
    private volatile boolean active;
    private final FailurePauses failures = new FailurePauses();

    PartitionRun(OwnedPartition partition, ParkedKeys keys, MainFlow main, CarefulMode careful, PartitionHost host) {
        this.partition = partition;
        this.keys = keys;
        this.main = main;
        this.flows = new Flows(partition, keys, main, careful, this::mustYield);
        this.careful = careful;
        this.host = host;
        this.commands = new PendingCommands(partition.clock);
    }

    OwnedPartition partition() {
        return partition;
    }

    /** Queues a turn, because there may be something to do. */
    void wake() {
        if (turns.wake()) {
            host.execute(this);
        }
    }

    /** Gives the partition up, after the current call of the handler. */
    void release() {
        partition.beginRelease();
        wake();
    }

    /** Ends the run: the claim is not valid any more, or this process stops. This process may claim the partition again after two seconds, even if the handler still runs. */
    void lose() {
        partition.lose();
        wake();
    }

    /** Ends the run after the current batch, and flushes no position. This process does not claim the partition before that. */
    void abandon() {
        partition.abandon();
        wake();
    }

    /** The claim is not valid any more. If the server has changed, the next claim waits for the current call of the handler. */
    void loseOrAbandon() {
        if (partition.row.serverHasChanged()) {
            abandon();
        } else {
            lose();
        }
    }

    /** Stops the partition before it handles an event. */
    void stopAtFirstTurn(RuntimeException cause) {
        stopCause = cause;
    }

    /** Discards the events that were read. */
    void discardRead() {
        mustReset = true;
        wake();
    }

    /** Reads position and keys again, because the server may have lost commits, or a commit whose connection was lost may still succeed. */
    void verify() {
        if (partition.run.isStopped()) {
            abandon(); // the next claim reads whether the stop is still stored
            return;
        }
        partition.mustReadPosition();
        keys.loadSoon();
        failures.databaseFound();
        commands.tryNow();
        if (waitsForDatabase) {
            partition.run.pause(Duration.ZERO);
        }
        wake();
    }

    /** An operator has set a command for a key. It does not wait for the end of a back-off. */
    void commanded() {
        keys.loadSoon();
        commands.add();
        wake();
    }

    /** Makes the stop of the process not wait for the handler, because the handler has caused the stop and waits for it. */
    void exempt() {
        exempt = true;
    }

    boolean isExempt() {
        return exempt;
    }

    /** Returns whether the calling thread runs its handler. */
    boolean isOnThisThread() {
        return Thread.currentThread() == thread;
    }

    /** Waits until the partition is given up, or is lost and no handler runs. Returns false after the limit. */
    boolean awaitEnd(Duration limit) throws InterruptedException {
        // If it is lost, it may wait for a database that does not answer.
        return end.await(limit.toNanos(), TimeUnit.NANOSECONDS)
                || partition.isLost() && partition.calls.runs().isZero();
    }

    /** Returns whether it has handled events in its last turn, so that it may have more to do. */
    boolean isActive() {
        return active && !ended;
    }

    private boolean mustYield() {
        return partition.isReleasing() || partition.mustEnd() || !mayCall();
    }

    /**
     * The transaction of an exactly-once handler checks the claim. Other handlers are called only while the server has heard of this
     * process within the owner timeout. If its lock was lost unnoticed, another process can already be the owner.
     */
    private boolean mayCall() {
        return partition.isExactlyOnce() || host.isSeenAlive();
    }

    @Override
    public void run() {
        turns.begin();
        thread = Thread.currentThread();
        long pause = SILENCE_PAUSE.toNanos();
        try {
            pause = turn();
        } finally { // even the reaction to a failure can fail, for example if memory is short
            thread = null;
            active = pause == 0;
            endTurn(pause);
        }
    }

    /** The wake-up is planned before the turn ends. Afterwards another thread may have begun the next turn, and would lose its wake-up. */
    private void endTurn(long pause) {
        boolean planned = pause == 0 || pause == NEVER;
        try {
            if (!planned) {
                wakeUp.after(pause);
                planned = true;
            }
        } finally {
            if (turns.end(pause == 0 || !planned) && !ended) {
                host.execute(this);
            }
        }
    }

    /** Works for a while. Returns the time until it must work again, without being woken. */
    private long turn() {
        if (ended) {
            return NEVER;
        }
        failures.turnBegins();
        try {
            long turnEnd = partition.clock.nanos() + TURN;
            long pause = 0;
            while (pause == 0 && partition.clock.nanos() < turnEnd) {
                pause = step();
            }
            if (failures.haveEnded() && partition.run.waitNanos() <= 0) {
                partition.run.recovered();
            }
            return pause;
        } catch (Throwable e) {
            return failed(e);
        }
    }

    private long step() throws Exception {
        if (partition.mustEnd()) {
            return end();
        }
        // Before a release, because the next owner would not find that the checkpoint is stale.
        RuntimeException cause = stopCause;
        if (cause != null && !partition.run.isStopped()) {
            String message = SafeLog.describe(cause);
            partition.row.storeStaleCheckpoint(message);
            partition.run.stop(message);
            log.error("subscription.stopped: {}: {}", partition.id(), message);
        }
        if (partition.isReleasing()) {
            partition.row.release(careful.isOn());
            return end();
        }
        if (partition.run.isStopped()) {
            return NEVER;
        }
        if (mustReset) {
            mustReset = false;
            main.reset();
        }
        if (!mayCall()) {
            return SILENCE_PAUSE.toNanos();
        }
        long pause = partition.run.waitNanos();
        long commandPause = commands.waitNanos();
        if (pause > 0 && commandPause > 0) {
            return Math.min(pause, commandPause);
        }
        commands.begin();
        partition.readPositionIfUnknown();
        keys.loadIfNeeded();
        if (pause > 0) {
            if (flows.carryOutCommands()) {
                commands.add();
            }
            if (!waitsForDatabase) { // the pause is that of an event
                failures.databaseWorked();
            }
            return Math.min(pause, Math.max(0, commands.waitNanos()));
        }
        waitsForDatabase = false;
        boolean more = flows.step();
        failures.databaseWorked();
        return more ? 0 : keys.nanosToNext();
    }

    private long end() {
        ended = true;
        wakeUp.cancel();
        partition.lose();
        host.ended(this);
        end.countDown();
        return NEVER;
    }

    /** A failure that is not of an event. The outcome of the last commit is not known, so everything is read again. */
    private long failed(Throwable failure) {
        // First what cannot fail: otherwise the next turn could repeat a batch that is committed.
        partition.mustReadPosition();
        keys.loadSoon();
        mustReset = true;
        FailureKind kind = FailureKind.of(failure);
        if (kind == FailureKind.OWNERSHIP) {
            log.info("subscription.lost: {}", SafeLog.describe(failure));
            return end();
        }
        String reason = " waits after a failure that is not of an event";
        if (failure instanceof InvalidKeyException invalid) {
            partition.waitingSince(invalid.storedAt());
            reason = " waits at an event without a valid key";
        }
        if (failures.isFirst(reason)) {
            SafeLog.warn(log, "subscription.waits: " + partition.id() + reason, failure);
        }
        Duration pause = failures.next();
        if (partition.run.waitNanos() > pause.toNanos()) {
            // Only commands were carried out. The time of the next attempt does not change.
            commands.tryAfter(pause);
            return pause.toNanos();
        }
        waitsForDatabase = true;
        partition.run.backOff(pause, SafeLog.describe(failure));
        return pause.toNanos();
    }
}
