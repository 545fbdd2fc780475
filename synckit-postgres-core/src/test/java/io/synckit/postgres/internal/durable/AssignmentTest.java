package io.synckit.postgres.internal.durable;

import static org.assertj.core.api.Assertions.assertThat;

import io.synckit.postgres.internal.sql.InstanceTable.Instance;
import io.synckit.postgres.internal.sql.InstanceTable.Partition;
import io.synckit.postgres.internal.sql.PartitionId;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class AssignmentTest {

    private static Instance instance(int id, String... subscriptions) {
        return new Instance(id, Set.of(subscriptions), false);
    }

    private static List<Partition> partitions(String subscription, Integer... owners) {
        return IntStream.range(0, owners.length)
                .mapToObj(i -> new Partition(new PartitionId(subscription, i), owners[i], false, 0L))
                .toList();
    }

    private static Map<Integer, Long> loads(Map<PartitionId, Integer> assigned) {
        return assigned.values().stream().collect(Collectors.groupingBy(id -> id, Collectors.counting()));
    }

    @Test
    void oneProcessGetsEverything() {
        Map<PartitionId, Integer> assigned = Assignment.of(List.of(instance(7, "s")), partitions("s", null, null, 9));

        assertThat(assigned.values()).containsExactly(7, 7, 7);
    }

    @Test
    void ownersKeepTheirShareAndGiveTheRest() {
        Map<PartitionId, Integer> assigned =
                Assignment.of(List.of(instance(1, "s"), instance(2, "s")), partitions("s", 1, 1, 1, 1));

        assertThat(assigned.values()).containsExactly(1, 1, 2, 2);
    }

    @Test
    void balancedOwnersKeepEverything() {
        List<Instance> two = List.of(instance(1, "s", "t"), instance(2, "s", "t"));
        List<Partition> all = new ArrayList<>(partitions("s", 2, 1, 2));
        all.addAll(partitions("t", 1));

        assertThat(Assignment.of(two, all).values()).containsExactly(2, 1, 2, 1);
    }

    @Test
    void processThatCannotRunASubscriptionGetsNothingOfIt() {
        Map<PartitionId, Integer> assigned =
                Assignment.of(List.of(instance(1, "s"), instance(2, "t")), partitions("s", null, null));

        assertThat(assigned.values()).containsExactly(1, 1);
    }

    @Test
    void partitionWithoutAProcessIsLeftOut() {
        assertThat(Assignment.of(List.of(instance(1, "t")), partitions("s", 3))).isEmpty();
    }

    @Test
    void manySubscriptionsAreEvenedOut() {
        List<Partition> all = IntStream.range(0, 200)
                .mapToObj(i -> new Partition(new PartitionId("s" + i, 0), 1, false, 0L))
                .toList();
        String[] names = IntStream.range(0, 200).mapToObj(i -> "s" + i).toArray(String[]::new);

        Map<PartitionId, Integer> assigned =
                Assignment.of(List.of(instance(1, names), instance(2, names), instance(3, names)), all);

        assertThat(loads(assigned).values()).containsExactlyInAnyOrder(66L, 67L, 67L);
    }

    /** Processes compute the same whatever the order of the rows, and the result is stable: nothing moves for ever. */
    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5})
    void assignmentIsDeterministicFairAndStable(long seed) {
        Random random = new Random(seed);
        for (int round = 0; round < 200; round++) {
            List<Instance> instances = randomInstances(random);
            List<Partition> partitions = randomPartitions(random);
            Map<PartitionId, Integer> assigned = Assignment.of(instances, partitions);

            List<Instance> otherOrder = new ArrayList<>(instances);
            List<Partition> otherRows = new ArrayList<>(partitions);
            Collections.shuffle(otherOrder, random);
            Collections.shuffle(otherRows, random);
            assertThat(Assignment.of(otherOrder, otherRows)).isEqualTo(assigned);

            List<Partition> afterwards = partitions.stream()
                    .map(partition -> new Partition(partition.id(), assigned.get(partition.id()), false, 0L))
                    .toList();
            assertThat(Assignment.of(instances, afterwards)).isEqualTo(assigned);
            assertFair(instances, assigned);
        }
    }

    private static void assertFair(List<Instance> instances, Map<PartitionId, Integer> assigned) {
        Map<String, Map<Integer, Long>> counts = assigned.entrySet().stream()
                .collect(Collectors.groupingBy(
                        entry -> entry.getKey().subscription(),
                        Collectors.groupingBy(Map.Entry::getValue, Collectors.counting())));
        counts.forEach((subscription, byInstance) -> {
            List<Long> all = instances.stream()
                    .filter(instance -> instance.subscriptions().contains(subscription))
                    .map(instance -> byInstance.getOrDefault(instance.id(), 0L))
                    .toList();
            assertThat(Collections.max(all) - Collections.min(all))
                    .as(subscription)
                    .isLessThanOrEqualTo(1);
        });
    }

    private static List<Instance> randomInstances(Random random) {
        return IntStream.rangeClosed(1, 1 + random.nextInt(5))
                .mapToObj(id -> instance(
                        id,
                        IntStream.range(0, 6)
                                .filter(i -> random.nextInt(4) > 0)
                                .mapToObj(i -> "s" + i)
                                .toArray(String[]::new)))
                .toList();
    }

    private static List<Partition> randomPartitions(Random random) {
        List<Partition> partitions = new ArrayList<>();
        for (int i = 0; i < 6; i++) {
            Integer[] owners = IntStream.range(0, 1 + random.nextInt(8))
                    .mapToObj(p -> random.nextInt(4) == 0 ? null : Integer.valueOf(random.nextInt(8)))
                    .toArray(Integer[]::new);
            partitions.addAll(partitions("s" + i, owners));
        }
        return partitions;
    }
}
