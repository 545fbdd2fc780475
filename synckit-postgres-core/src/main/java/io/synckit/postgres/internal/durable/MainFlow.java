package io.synckit.postgres.internal.durable;

import io.synckit.postgres.internal.durable.DurableLog.Item;
import io.synckit.postgres.internal.durable.DurableLog.Slice;
import io.synckit.postgres.internal.runtime.SafeLog;
import io.synckit.postgres.internal.sql.PartitionClaims.Claim;
import io.synckit.subscription.DurableOptions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Handles the events of a partition in the order of versions. If an event fails, its key becomes a waiting key, or the event is tried again in place. */
final class MainFlow {

    private static final int MAX_CONFLICTS = 5;
    private static final Duration READER_PAUSE = Duration.ofMillis(500);

    private static final Logger log = LoggerFactory.getLogger(MainFlow.class);

    private final OwnedPartition partition;
    private final ParkedKeys keys;
    private final CarefulMode careful;
    private final DurableOptions options;
    private final BatchSize batchSize;
    private final FailedEvents failedEvents;
    private Slice slice = new Slice(List.of(), 0);
    private int at;
    /** Version of an event that has failed in a batch, and is handled alone; 0 if there is none. */
    private long isolated;

    private int conflicts;

    MainFlow(Claim claim, OwnedPartition partition, ParkedKeys keys, CarefulMode careful) {
        this.partition = partition;
        this.keys = keys;
        this.careful = careful;
        this.options = partition.options;
        this.batchSize = new BatchSize(options.maxBatch());
        this.failedEvents = new FailedEvents(claim, partition, keys);
    }

    /** Forgets what was read. */
    void reset() {
        slice = new Slice(List.of(), 0);
        at = 0;
    }

    /** Handles the next batch. Returns false if there is nothing to do until the partition is woken. */
    boolean step() throws Exception {
        if (at == slice.items().size()) {
            Optional<Slice> read = partition.log.next(partition.held(), partition.position());
            if (read.isEmpty()) {
                awaitReader();
                return true;
            }
            slice = read.get();
            at = 0;
            if (slice.upTo() <= partition.position()) {
                partition.waitingSince(null);
                if (!partition.outage.isOn() || keys.size() == 0) {
                    partition.run.recovered(); // no event waits in place any more
                }
                return false;
            }
        }
        int size = size();
        List<Item> batch = new ArrayList<>();
        int next = at;
        while (next < slice.items().size() && batch.size() < size) {
            Item item = slice.items().get(next);
            if (!keys.contains(item.key())) {
                if (item.version() == isolated && !batch.isEmpty()) {
                    break;
                }
                batch.add(item);
            }
            next++;
        }
        long last = next == slice.items().size()
                ? slice.upTo()
                : slice.items().get(next - 1).version();
        if (batch.isEmpty()) {
            partition.moveTo(last);
            at = next;
            return true;
        }
        partition.waitingSince(batch.get(0).event().createdAt());
        if (handle(batch, last)) {
            at = next;
        }
        return true;
    }

    /** Waits until the reader is at the server of the claim. Ends the run if the claim is of a former server. */
    private void awaitReader() {
        if (!partition.row.isHeld()) {
            throw new OwnershipLostException(partition.id());
        }
        partition.run.pause(READER_PAUSE);
    }

    private int size() {
        boolean one = careful.isOn()
                || partition.run.isBackingOff()
                || !partition.isExactlyOnce() && !partition.calls.isOfBatches()
                || slice.items().size() > at && slice.items().get(at).version() == isolated;
        int size = one ? 1 : batchSize.size();
        partition.counters.batchSize = size;
        return size;
    }

    /** Returns whether the batch is done with. */
    private boolean handle(List<Item> batch, long last) throws Exception {
        if (!careful.isOn()) {
            return call(batch, last);
        }
        if (!careful.tryEnter()) {
            partition.run.pause(CarefulMode.PAUSE);
            return false;
        }
        try {
            int deaths = careful.start(batch.get(0).version());
            return deaths > 0 ? killed(batch.get(0), last, deaths) : call(batch, last);
        } finally {
            careful.leave();
        }
    }

    /** Treats an event as failed at which processes have died too often. Returns whether it is done with. */
    private boolean killed(Item item, long last, int deaths) {
        moveBefore(item);
        return failedEvents.exhausted(item, last, deaths, CarefulMode.died(deaths));
    }

    /** Moves the position to before an event, because nothing before it waits for it. From then on, those are only of {@link KeyFlow}. */
    private void moveBefore(Item item) {
        at = slice.items().indexOf(item);
        partition.moveTo(item.version() - 1);
    }

    private boolean call(List<Item> batch, long last) throws Exception {
        int[] failsAt = {-1};
        boolean[] called = {!partition.isExactlyOnce()};
        int[] handled = {0};
        HandlerCalls.Progress progress = new HandlerCalls.Progress() {
            @Override
            public void failsAt(int index) {
                failsAt[0] = index;
            }

            @Override
            public void handled(int items) {
                failsAt[0] = -1;
            }

            @Override
            public boolean mustEnd() {
                return partition.isReleasing();
            }
        };
        partition.requireOwned();
        int attempt = failedEvents.attempt(batch.get(0).version());
        long start = partition.clock.nanos();
        try {
            if (partition.isExactlyOnce()) {
                partition.inHandlersTransaction(connection -> partition.row.advance(connection, last), () -> {
                    called[0] = true;
                    int count = partition.calls.handle(batch, attempt, progress);
                    if (count < batch.size()) {
                        storeEarlierPosition(positionAfter(batch, count, last));
                    }
                    handled[0] = count;
                    return true;
                });
            } else {
                handled[0] = partition.calls.handle(batch, attempt, progress);
            }
        } catch (Throwable e) {
            if (handled[0] == 0 || !partition.row.isStored(positionAfter(batch, handled[0], last))) {
                return failed(batch, failsAt[0], last, e, called[0]);
            }
            SafeLog.warn(
                    log,
                    "subscription.after-commit: " + partition.id() + ": a callback has failed after the commit",
                    e);
        }
        if (partition.isExactlyOnce()) {
            partition.storedUpTo(positionAfter(batch, handled[0], last));
        } else {
            partition.moveTo(last);
        }
        succeeded(handled[0], partition.clock.nanos() - start);
        if (handled[0] < batch.size()) {
            moveBefore(batch.get(handled[0]));
            return false;
        }
        return true;
    }

    /** Replaces the position after the batch, which the transaction has stored at its start, by the one before the first event that is left. */
    private void storeEarlierPosition(long version) throws Exception {
        try {
            partition.inOpenTransaction(connection -> partition.row.advance(connection, version));
        } catch (Exception e) {
            SafeLog.warn(
                    log,
                    "subscription.batch-rolled-back: " + partition.id()
                            + ": the position cannot be stored after the running"
                            + " handler call, so the next owner repeats the batch. A handler must reset the role of the"
                            + " transaction, and must not make the transaction read-only",
                    e);
            throw e;
        }
    }

    /** Returns the position after a number of events of a batch. */
    private static long positionAfter(List<Item> batch, int handled, long last) {
        return handled == batch.size() ? last : batch.get(handled).version() - 1;
    }

    private void succeeded(int events, long nanos) {
        partition.counters.handled.add(events);
        partition.outage.succeeded();
        partition.run.recovered();
        batchSize.succeeded(events, nanos, partition.calls.takeStores());
        careful.survived();
        conflicts = 0;
        failedEvents.forget();
    }

    /** Returns whether the batch is done with. */
    private boolean failed(List<Item> batch, int failsAt, long last, Throwable failure, boolean called)
            throws Exception {
        moveBefore(batch.get(0));
        FailureKind kind = FailureKind.of(failure, called);
        if (kind == FailureKind.DATABASE || kind == FailureKind.CONFLICT) {
            careful.interrupted();
        }
        if (kind == FailureKind.OWNERSHIP || kind == FailureKind.DATABASE) {
            throw failure instanceof Exception exception ? exception : new IllegalStateException(failure);
        }
        if (kind == FailureKind.CONFLICT && conflicts < MAX_CONFLICTS) {
            conflicts++;
            return false;
        }
        conflicts = 0;
        partition.counters.failed.increment();
        if (batch.size() > 1) {
            isolated = failsAt < 0 ? 0 : batch.get(failsAt).version();
            batchSize.failed(batch.size(), failsAt);
            return false;
        }
        careful.survived();
        return failedEvents.failed(batch.get(0), last, failure);
    }
}
