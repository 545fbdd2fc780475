package io.synckit.subscription;

import io.synckit.Version;
import java.time.Instant;
import java.util.Comparator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The stored status of a durable subscription.
 *
 * @param paused whether it is paused
 * @param replayUntil events up to this version are a replay; {@link Version#ZERO} if there was none
 * @param waitingKeys number of keys with a failed event, which wait for an attempt or for an operator
 * @param horizon the version up to which events can be handled
 */
public record DurableStatus(
        String name,
        boolean paused,
        Version replayUntil,
        long waitingKeys,
        Version horizon,
        List<Partition> partitions) {

    public DurableStatus {
        partitions = List.copyOf(partitions);
    }

    /**
     * Returns the lowest position of a partition. A partition in exactly-once delivery that has only skipped events which do not match
     * stores its position after a minute or 10,000 versions. Until then the position is lower than the one of
     * {@link DurableSubscription#activity()}.
     */
    public Version position() {
        return partitions.stream()
                .map(Partition::position)
                .min(Comparator.naturalOrder())
                .orElse(Version.ZERO);
    }

    /**
     * The stored status of a subscription in a few numbers.
     *
     * @param partitions number of partitions
     * @param unowned partitions that no process owns
     * @param stopped partitions that have stopped because of a failure
     * @param position the lowest position of a partition
     * @param parkedKeys keys that wait for an operator
     * @param retryingKeys keys that wait for an attempt
     */
    public record Summary(
            String name,
            boolean paused,
            int partitions,
            int unowned,
            int stopped,
            Version position,
            long parkedKeys,
            long retryingKeys) {}

    /**
     * The stored status of a partition.
     *
     * @param owner name of the process that owns it; null if there is none
     * @param suspect version of the event at which the partition has stopped, or which it tries again in place, or which was started after a
     *     process had died. If the partition has stopped because of its checkpoint, the checkpoint. Null if there is none
     * @param attempts attempts at that event; 0 if the partition has stopped because of its checkpoint
     * @param retryAt time of the next attempt; null if there is none
     * @param stopped whether the partition has stopped because of a failure
     * @param failure the last failure; null if there is none
     */
    public record Partition(
            int partition,
            Version position,
            @Nullable String owner,
            @Nullable Version suspect,
            int attempts,
            @Nullable Instant retryAt,
            boolean stopped,
            @Nullable String failure) {}
}
