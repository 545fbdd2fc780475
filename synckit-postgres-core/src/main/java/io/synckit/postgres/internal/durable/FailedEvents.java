package io.synckit.postgres.internal.durable;

import io.synckit.postgres.internal.durable.DurableLog.Item;
import io.synckit.postgres.internal.runtime.SafeLog;
import io.synckit.postgres.internal.sql.ParkedFailure;
import io.synckit.postgres.internal.sql.PartitionClaims.Claim;
import io.synckit.subscription.DurableOptions;
import io.synckit.subscription.DurableOptions.OnExhausted;
import io.synckit.subscription.DurableOptions.Ordering;
import java.time.Duration;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Decides what follows the failure of an event of the main flow: it is tried again in place, its key becomes a waiting key, it is skipped, or
 * the partition stops. Used by the thread that handles the partition.
 */
final class FailedEvents {

    /** Maximum number of waiting keys of a partition. */
    private static final int MAX_KEYS = 1000;

    private static final Logger log = LoggerFactory.getLogger(FailedEvents.class);

    private final OwnedPartition partition;
    private final ParkedKeys keys;
    private final DurableOptions options;

    /** Version of the event that is tried again in place; 0 if there is none. */
    private long suspect;

    private int suspectAttempts;

    FailedEvents(Claim claim, OwnedPartition partition, ParkedKeys keys) {
        this.partition = partition;
        this.keys = keys;
        this.options = partition.options;
        this.suspect = claim.suspect() == null ? 0 : claim.suspect();
        this.suspectAttempts = options.ordering() == Ordering.TOTAL ? claim.attempts() : 0;
    }

    /** Returns the number of the next attempt at an event, from 1. */
    int attempt(long version) {
        return version == suspect ? suspectAttempts + 1 : 1;
    }

    /** Forgets the attempts, because the event is done with. */
    void forget() {
        suspect = 0;
        suspectAttempts = 0;
    }

    /**
     * Reacts to a failure of an event.
     *
     * @param last the position of the partition when the event is done with
     * @return whether it is done with
     */
    boolean failed(Item item, long last, Throwable cause) {
        int attempts = attempt(item.version());
        if (attempts == 1) {
            SafeLog.warn(
                    log,
                    "subscription.failed: " + partition.id() + ": the event at version " + item.version() + " of key '"
                            + item.key() + "' has failed",
                    cause);
        }
        ParkedFailure failure = ParkedFailure.of(cause);
        if (options.ordering() == Ordering.PER_KEY) {
            partition.outage.failed(item.key());
            if (partition.outage.isOn() || keys.size() >= MAX_KEYS) {
                tryAgainInPlace(item, 0, partition.delays.after(partition.outage.nextPause()), failure);
                return false;
            }
        }
        if (attempts > options.maxRetries()) {
            return exhausted(item, last, attempts, failure);
        }
        if (options.ordering() == Ordering.TOTAL) {
            tryAgainInPlace(item, attempts, partition.delays.after(attempts), failure);
            return false;
        }
        keys.add(item, last, attempts, partition.delays.after(attempts), failure);
        partition.run.recovered();
        return true;
    }

    private void tryAgainInPlace(Item item, int attempts, Duration pause, ParkedFailure failure) {
        suspect = item.version();
        suspectAttempts = attempts;
        partition.row.storeRetry(item.version(), attempts, pause, failure.message());
        if (!partition.run.isBackingOff()) {
            log.warn(
                    "subscription.waits: {} tries the event at version {} again in place: {}",
                    partition.id(),
                    item.version(),
                    failure.message());
        }
        partition.run.backOff(pause, failure.message());
    }

    /**
     * Reacts to the last failure of an event.
     *
     * @param last the position of the partition when the event is done with
     * @return whether it is done with
     */
    boolean exhausted(Item item, long last, int attempts, ParkedFailure failure) {
        if (options.onExhausted() == OnExhausted.STOP) {
            stop(item, attempts, failure);
        } else if (options.onExhausted() == OnExhausted.SKIP) {
            skip(item, last, failure);
        } else {
            keys.add(item, last, attempts, null, failure);
        }
        // Not before: if the database fails, the attempts still count.
        forget();
        partition.run.recovered();
        return !partition.run.isStopped();
    }

    private void stop(Item item, int attempts, ParkedFailure failure) {
        partition.row.storeStop(item.version(), attempts, failure.message());
        partition.run.stop(failure.message());
        log.error(
                "subscription.stopped: {} has stopped at version {}: {}",
                partition.id(),
                item.version(),
                failure.message());
    }

    private void skip(Item item, long last, ParkedFailure failure) {
        partition.fenced(connection -> partition.row.advance(connection, last), connection -> true);
        partition.storedUpTo(last);
        partition.counters.skipped.increment();
        log.error(
                "subscription.skipped: {} skips the event at version {} of key '{}': {}",
                partition.id(),
                item.version(),
                item.key(),
                failure.message());
    }
}
