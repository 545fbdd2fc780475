package io.synckit.postgres.internal.sql;

/**
 * A partition of a durable subscription.
 *
 * @param subscription name of the subscription
 * @param partition number of the partition, from 0
 */
public record PartitionId(String subscription, int partition) implements Comparable<PartitionId> {

    /** Compares by name, then by number. */
    @Override
    public int compareTo(PartitionId other) {
        int byName = subscription.compareTo(other.subscription);
        return byName != 0 ? byName : Integer.compare(partition, other.partition);
    }

    @Override
    public String toString() {
        return "'" + subscription + "', partition " + partition;
    }
}
