package io.synckit.postgres.internal.durable;

import io.synckit.postgres.internal.runtime.Clock;
import io.synckit.postgres.internal.sql.CheckpointTable.Stored;
import java.time.Duration;

/** How far a partition is handled, and what its row is known to say. Changed by the thread that handles the partition and by the flush. */
final class PartitionPosition {

    /** If no event matches, the position is stored after this many versions. */
    private static final long STORED_AFTER_VERSIONS = 10_000;

    /** If no event matches, the position is stored after this time at the latest. */
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
    synchronized void read(Stored row) {
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

    /** Returns whether much was passed since the position was stored, or long ago. */
    boolean isDue() {
        return version - stored.position() >= STORED_AFTER_VERSIONS || clock.nanos() - movedAt >= STORED_AFTER;
    }
}
