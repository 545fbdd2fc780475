package io.synckit.postgres.internal.durable;

/** What the handling of a partition needs of the process. Thread-safe. */
interface PartitionHost {

    /** Runs a turn on a handler thread. */
    void execute(PartitionRun run);

    /** Returns whether this process may assume that it is still seen as alive. */
    boolean isSeenAlive();

    /** The run has ended, because the partition was lost or released. */
    void ended(PartitionRun run);
}
