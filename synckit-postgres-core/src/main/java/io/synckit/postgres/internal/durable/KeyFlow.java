package io.synckit.postgres.internal.durable;

import io.synckit.postgres.internal.durable.DurableLog.Item;
import io.synckit.postgres.internal.durable.DurableLog.Slice;
import io.synckit.postgres.internal.durable.HandlerCalls.Progress;
import io.synckit.postgres.internal.runtime.SafeLog;
import io.synckit.postgres.internal.sql.ParkedFailure;
import io.synckit.subscription.DurableOptions;
import io.synckit.subscription.DurableOptions.OnExhausted;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Retries the events of waiting keys, up to the position of the partition. */
final class KeyFlow {

    /** Time after which another key, and the main flow, have their turn. */
    private static final long TURN = Duration.ofMillis(20).toNanos();

    private static final int MAX_CONFLICTS = 5;

    private static final Logger log = LoggerFactory.getLogger(KeyFlow.class);

    private final OwnedPartition partition;
    private final ParkedKeys keys;
    private final CarefulMode careful;
    private final DurableOptions options;
    private final BooleanSupplier mustYield;
    private int conflicts;

    /** @param mustYield whether the thread must end its work */
    KeyFlow(OwnedPartition partition, ParkedKeys keys, CarefulMode careful, BooleanSupplier mustYield) {
        this.partition = partition;
        this.keys = keys;
        this.careful = careful;
        this.options = partition.options;
        this.mustYield = mustYield;
    }

    /** Handles events of one key, or pauses if another partition has the permit of careful mode. Returns false if there is nothing to do. */
    boolean step() throws Exception {
        Optional<WaitingKey> due = keys.due();
        if (due.isEmpty()) {
            return false;
        }
        WaitingKey key = due.get();
        keys.putLast(key);
        if (!careful.isOn()) {
            handle(key);
        } else if (careful.tryEnter()) {
            try {
                handle(key);
            } finally {
                careful.leave();
            }
        } else {
            partition.run.pause(CarefulMode.PAUSE);
        }
        return true;
    }

    private void handle(WaitingKey key) throws Exception {
        try {
            handleEvents(key);
        } catch (InvalidKeyException e) {
            keys.holdBack(key, e);
        }
    }

    private void handleEvents(WaitingKey key) throws Exception {
        Slice slice = keys.events(key, key.nextVersion());
        if (slice.items().isEmpty()) {
            if (slice.upTo() >= partition.position()) {
                keys.remove(key);
            } else {
                keys.next(key, slice.upTo() + 1);
            }
            return;
        }
        long end = partition.clock.nanos() + TURN;
        for (Item item : slice.items()) {
            if (mustYield.getAsBoolean() || !handle(key, item) || partition.clock.nanos() >= end) {
                return;
            }
        }
    }

    /** Returns whether the next event of the key may follow at once. */
    private boolean handle(WaitingKey key, Item item) throws Exception {
        if (key.deaths() >= CarefulMode.MAX_DEATHS) {
            exhausted(key, item, key.attempts() + key.deaths(), CarefulMode.died(key.deaths()));
            return false;
        }
        int attempt = key.attempts() + 1;
        Duration pause = partition.delays.after(attempt);
        if (!keys.start(key, pause)) {
            keys.loadSoon();
            return false;
        }
        if (attempt > 1) {
            partition.counters.retried.increment();
        }
        boolean[] called = {false};
        try {
            call(key, item, attempt, called);
        } catch (Throwable e) {
            failed(key, item, attempt, pause, e, called[0]);
            careful.countDown();
            return false;
        }
        careful.countDown();
        conflicts = 0;
        partition.counters.handled.increment();
        partition.outage.succeeded();
        partition.run.recovered();
        return true;
    }

    /** @param called set when the handler is called */
    private void call(WaitingKey key, Item item, int attempt, boolean[] called) throws Exception {
        partition.requireOwned();
        long next = item.version() + 1;
        boolean[] returned = {false};
        long position = partition.position();
        Progress ignored = new Progress() {};
        if (partition.isExactlyOnce()) {
            try {
                partition.inHandlersTransaction(
                        connection -> partition.row.reach(connection, position)
                                && partition.database.parked.next(
                                        connection, partition.id().subscription(), key.name, key.nextVersion(), next),
                        () -> {
                            called[0] = true;
                            partition.calls.handle(List.of(item), attempt, ignored);
                            returned[0] = true;
                            return true;
                        });
            } catch (Throwable e) {
                if (!returned[0]) {
                    throw e;
                }
                // A failure of this query says nothing about the event.
                called[0] = false;
                boolean isCommitted = isCommitted(key, next, e);
                called[0] = true;
                if (!isCommitted) {
                    throw e;
                }
                SafeLog.warn(
                        log,
                        "subscription.after-commit: " + partition.id() + ": a callback has failed after the commit",
                        e);
            }
            partition.flushed(position);
            key.next(next);
        } else {
            called[0] = true;
            partition.calls.handle(List.of(item), attempt, ignored);
            // A failure from here on says nothing about the event.
            called[0] = false;
            keys.next(key, next);
        }
    }

    private boolean isCommitted(WaitingKey key, long next, Throwable failure) {
        try {
            return keys.isAt(key, next);
        } catch (RuntimeException e) {
            e.addSuppressed(failure);
            throw e;
        }
    }

    private void failed(WaitingKey key, Item item, int attempt, Duration pause, Throwable cause, boolean called)
            throws Exception {
        FailureKind kind = FailureKind.of(cause, called);
        if (kind == FailureKind.OWNERSHIP || kind == FailureKind.DATABASE) {
            keys.interrupted(key);
            throw cause instanceof Exception exception ? exception : new IllegalStateException(cause);
        }
        if (kind == FailureKind.CONFLICT && conflicts < MAX_CONFLICTS) {
            conflicts++;
            key.tryNow(partition.clock.nanos());
            return;
        }
        conflicts = 0;
        partition.counters.failed.increment();
        partition.outage.failed(key.name);
        ParkedFailure failure = ParkedFailure.of(cause);
        // During an outage, attempts do not count.
        int counted = partition.outage.isOn() ? attempt - 1 : attempt;
        if (counted > options.maxRetries() && !partition.outage.isOn()) {
            exhausted(key, item, counted, failure);
        } else {
            log.debug(
                    "subscription.failed: {}: attempt {} at the event at version {}",
                    partition.id(),
                    attempt,
                    item.version(),
                    cause);
            keys.failed(key, item, counted, pause, failure);
        }
        if (partition.outage.isOn()) {
            partition.run.backOff(partition.delays.after(partition.outage.nextPause()), failure.message());
        }
    }

    private void exhausted(WaitingKey key, Item item, int attempts, ParkedFailure failure) {
        if (options.onExhausted() == OnExhausted.SKIP) {
            log.error(
                    "subscription.skipped: {} skips the event at version {} of key '{}' after {} attempts: {}",
                    partition.id(),
                    item.version(),
                    key.name,
                    attempts,
                    failure.message());
            partition.counters.skipped.increment();
            keys.next(key, item.version() + 1);
            key.tryNow(partition.clock.nanos());
        } else if (options.onExhausted() == OnExhausted.STOP) {
            keys.stopped(key, item, attempts, failure);
            partition.run.stop(failure.message());
            log.error(
                    "subscription.stopped: {} has stopped at version {} after {} attempts: {}",
                    partition.id(),
                    item.version(),
                    attempts,
                    failure.message());
        } else {
            keys.failed(key, item, attempts, null, failure);
        }
    }
}
