package io.synckit.postgres.internal.durable;

import io.synckit.postgres.internal.sql.ParkedFailure;
import java.time.Duration;
import java.util.concurrent.Semaphore;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Finds an event that kills its process. After the death of an owner, the next events are handled one at a time. Before each event, the
 * process stores that it starts it. In this mode, a process handles only one event at a time in all its partitions, because otherwise deaths
 * would be counted at other events, too. Used by the thread that handles the partition.
 */
final class CarefulMode {

    /** Events after a claim from a dead process that are handled one at a time. */
    private static final int EVENTS = 100;

    /** Deaths of a process during an event after which the event is not handled again. */
    static final int MAX_DEATHS = 3;

    /** Time until the next attempt to enter. */
    static final Duration PAUSE = Duration.ofMillis(10);

    private static final Logger log = LoggerFactory.getLogger(CarefulMode.class);

    private static final long PATIENCE = Duration.ofSeconds(10).toNanos();

    private final OwnedPartition partition;
    private final Semaphore permit;
    private int left;
    private boolean hasPermit;
    private boolean waits;
    private long waitsSince;
    private long startedVersion;

    /** @param permit the permit of the process to handle an event that may have killed another process */
    CarefulMode(OwnedPartition partition, boolean afterDeath, Semaphore permit) {
        this.partition = partition;
        this.permit = permit;
        this.left = afterDeath ? EVENTS : 0;
    }

    boolean isOn() {
        return left > 0;
    }

    /**
     * Returns whether no other event of this process is handled in this mode, or this partition has waited for more than 10 seconds: a
     * handler that hangs must not hold back other partitions. To be followed by {@link #leave}.
     */
    boolean tryEnter() {
        hasPermit = permit.tryAcquire();
        long now = partition.clock.nanos();
        if (hasPermit) {
            waits = false;
            return true;
        }
        if (!waits) {
            waits = true;
            waitsSince = now;
        }
        return now - waitsSince > PATIENCE;
    }

    void leave() {
        if (hasPermit) {
            permit.release();
        }
    }

    /** Stores that an event is about to be handled. Returns the number of deaths if processes have died during it too often, otherwise 0. */
    int start(long version) {
        if (version == startedVersion) {
            return 0; // this process has survived the attempt before
        }
        // Even if it fails, the row may have it.
        startedVersion = version;
        int deaths = partition.row.start(version) - 1;
        if (deaths < MAX_DEATHS) {
            return 0;
        }
        survived();
        return deaths;
    }

    /** Returns the failure of an event that is not handled again. */
    static ParkedFailure died(int deaths) {
        return ParkedFailure.of(
                "process died",
                deaths + " processes have died while they handled this event, so it is not handled again");
    }

    /** Forgets the event that was started, because it is handled or has failed. */
    void survived() {
        startedVersion = 0;
        countDown();
    }

    /** Counts one of the events that are handled one at a time. */
    void countDown() {
        left = Math.max(0, left - 1);
    }

    /** Stores that the attempt at the event that was started has ended without a known outcome. If that fails, it counts if this process dies. */
    void interrupted() {
        long version = startedVersion;
        if (version > 0) {
            try {
                partition.row.undoStart(version);
                startedVersion = 0;
            } catch (RuntimeException e) {
                log.debug("durable.end-not-stored: {}", e.getMessage());
            }
        }
    }
}
