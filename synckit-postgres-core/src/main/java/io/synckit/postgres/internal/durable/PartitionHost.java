package io.synckit.postgres.internal.durable;

/** Runs the turns of a partition, and is called at its end. Thread-safe. */
interface PartitionHost {

    /** Runs a turn on a handler thread. */
    void execute(PartitionRun run);

    /** Returns whether this process may assume that it is still seen as alive. */
    boolean isSeenAlive();

    /** The run has ended, because the partition was lost or released. */
    void ended(PartitionRun run);
}
