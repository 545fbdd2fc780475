package io.synckit.postgres.internal.durable;

import io.synckit.postgres.internal.sql.InstanceTable.Instance;
import io.synckit.postgres.internal.sql.InstanceTable.Partition;
import io.synckit.postgres.internal.sql.PartitionId;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * Decides which process should own which partition. Pure: all processes compute the same from the same rows, so there is no leader. The
 * owners keep their partitions, up to a fair share of each subscription. Then the numbers over all subscriptions are evened out. If the
 * processes see different rows for a moment, a partition moves once more than needed.
 */
final class Assignment {

    private final Map<Integer, Integer> loads = new TreeMap<>();
    private final Map<PartitionId, Integer> owners = new TreeMap<>();
    private final Map<String, List<Integer>> candidates = new TreeMap<>();

    private Assignment() {}

    /**
     * Returns the process of each partition. A partition without a process that can run it is left out.
     *
     * @param alive the processes that are alive
     * @param partitions the partitions that are not paused
     */
    static Map<PartitionId, Integer> of(Collection<Instance> alive, Collection<Partition> partitions) {
        Assignment assignment = new Assignment();
        alive.forEach(instance -> assignment.loads.put(instance.id(), 0));
        Map<String, List<Partition>> bySubscription = partitions.stream()
                .sorted(Comparator.comparing(Partition::id))
                .collect(Collectors.groupingBy(
                        partition -> partition.id().subscription(), TreeMap::new, Collectors.toList()));
        bySubscription.forEach((subscription, all) -> assignment.assign(
                all,
                alive.stream()
                        .filter(instance -> instance.subscriptions().contains(subscription))
                        .map(Instance::id)
                        .sorted()
                        .toList()));
        assignment.evenOut();
        return assignment.owners;
    }

    private void assign(List<Partition> partitions, List<Integer> able) {
        if (able.isEmpty()) {
            return;
        }
        candidates.put(partitions.get(0).id().subscription(), able);
        int share = partitions.size() / able.size();
        int withOneMore = partitions.size() % able.size();
        Map<Integer, Integer> counts = new HashMap<>();
        List<PartitionId> free = new ArrayList<>();
        for (Partition partition : partitions) {
            Integer owner = partition.owner();
            int count = counts.getOrDefault(owner, 0);
            if (owner == null || !able.contains(owner) || count > share || count == share && withOneMore == 0) {
                free.add(partition.id());
                continue;
            }
            if (count == share) {
                withOneMore--;
            }
            give(partition.id(), owner, counts);
        }
        for (PartitionId partition : free) {
            give(partition, leastLoaded(able, counts), counts);
        }
    }

    private void give(PartitionId partition, Integer instance, Map<Integer, Integer> counts) {
        owners.put(partition, instance);
        counts.merge(instance, 1, Integer::sum);
        loads.merge(instance, 1, Integer::sum);
    }

    private Integer leastLoaded(List<Integer> able, Map<Integer, Integer> counts) {
        return able.stream()
                .min(Comparator.comparing((Integer id) -> counts.getOrDefault(id, 0))
                        .thenComparing(id -> loads.getOrDefault(id, 0))
                        .thenComparing(Comparator.naturalOrder()))
                .orElseThrow();
    }

    /** Moves partitions from a process with many to one with two fewer or less, unless that makes a subscription less even. */
    private void evenOut() {
        Optional<Move> move = nextMove();
        while (move.isPresent()) {
            Move next = move.get();
            owners.put(next.partition, next.to);
            loads.merge(next.from, -1, Integer::sum);
            loads.merge(next.to, 1, Integer::sum);
            move = nextMove();
        }
    }

    private Optional<Move> nextMove() {
        List<Integer> byLoad = loads.keySet().stream()
                .sorted(Comparator.comparing((Integer id) -> loads.getOrDefault(id, 0))
                        .thenComparing(Comparator.naturalOrder()))
                .toList();
        for (int high = byLoad.size() - 1; high > 0; high--) {
            Integer from = byLoad.get(high);
            for (Integer to : byLoad.subList(0, high)) {
                if (loads.getOrDefault(from, 0) - loads.getOrDefault(to, 0) < 2) {
                    break;
                }
                Optional<PartitionId> movable = movable(from, to);
                if (movable.isPresent()) {
                    return Optional.of(new Move(movable.get(), from, to));
                }
            }
        }
        return Optional.empty();
    }

    private Optional<PartitionId> movable(Integer from, Integer to) {
        Map<String, Integer> difference = new HashMap<>();
        owners.forEach((partition, owner) -> {
            if (owner.equals(from)) {
                difference.merge(partition.subscription(), 1, Integer::sum);
            } else if (owner.equals(to)) {
                difference.merge(partition.subscription(), -1, Integer::sum);
            }
        });
        return owners.entrySet().stream()
                .filter(entry -> entry.getValue().equals(from))
                .map(Map.Entry::getKey)
                .filter(partition -> candidates
                        .getOrDefault(partition.subscription(), List.of())
                        .contains(to))
                .filter(partition -> difference.getOrDefault(partition.subscription(), 0) > 0)
                .findFirst();
    }

    private record Move(PartitionId partition, Integer from, Integer to) {}
}
