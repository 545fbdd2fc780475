package io.synckit.postgres.internal.durable;

import io.synckit.postgres.internal.runtime.Clock;
import io.synckit.postgres.internal.sql.CheckpointTable.Stored;
import java.time.Duration;

/**
 * The position of a partition in memory, and the last known state of its row. Moved by the thread that handles the partition. That thread and
 * the flush change what is known of the row.
 *
 * <p>Exactly-once delivery stores the position with the effects of each batch. If no event matches, the position moves in memory only, and is
 * due later.
 */
final class PartitionPosition {

    private static final long STORED_AFTER_VERSIONS = 10_000;

    private static final long STORED_AFTER = Duration.ofMinutes(1).toNanos();

    private final Clock clock;
    private volatile long version;
    private volatile Stored stored;
    private volatile long movedAt;

    PartitionPosition(Stored stored, Clock clock) {
        this.version = stored.position();
        this.stored = stored;
        this.clock = clock;
    }

    long version() {
        return version;
    }

    Stored stored() {
        return stored;
    }

    /** Moves on. Returns whether it has moved. */
    boolean moveTo(long to) {
        if (to <= version) {
            return false;
        }
        if (version == stored.position()) {
            movedAt = clock.nanos();
        }
        version = to;
        return true;
    }

    /** The row was read. */
    synchronized void rowRead(Stored row) {
        stored = row;
    }

    /** A position was stored. */
    synchronized void flushed(long position) {
        stored = new Stored(Math.max(stored.position(), position), stored.removals());
    }

    /** A position was stored, and the removal of a key. */
    synchronized void removalStored(long position) {
        stored = new Stored(Math.max(stored.position(), position), stored.removals() + 1);
    }

    /** Returns whether the position is many versions or a minute ahead of the stored one. */
    boolean isDue() {
        return version - stored.position() >= STORED_AFTER_VERSIONS || clock.nanos() - movedAt >= STORED_AFTER;
    }
}
