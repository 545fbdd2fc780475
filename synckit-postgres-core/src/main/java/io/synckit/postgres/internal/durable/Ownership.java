package io.synckit.postgres.internal.durable;

import io.synckit.postgres.internal.sql.InstanceTable.Instance;
import io.synckit.postgres.internal.sql.InstanceTable.Partition;
import io.synckit.postgres.internal.sql.InstanceTable.View;
import io.synckit.postgres.internal.sql.PartitionId;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.LongSupplier;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Decides what this process owns: reads processes and owners, computes the assignment, lets {@link PartitionClaimer} claim what it should own
 * and no living process owns, and gives up what another process should own. Used by the coordinator's thread.
 */
final class Ownership {

    private static final Logger log = LoggerFactory.getLogger(Ownership.class);

    /** How long the handler of a lost run may continue, before this process claims the partition again. */
    private static final Duration HANGING = Duration.ofSeconds(2);

    private static final long NEVER = -1;

    private static final int NOBODY = 0;

    private final Database database;
    private final DurableRegistry registry;
    private final Map<PartitionId, PartitionRun> runs;
    private final Coordinator host;
    private final PartitionClaimer claimer;
    private final LongSupplier published;
    private final CheckpointCheck checkpoints;
    private volatile boolean hasOthers;

    /** The last published version at the time of a check that has found nothing to do now or later. */
    private volatile long restsAt = NEVER;

    /** The id with which this process has announced itself and the subscriptions that it can run. */
    private volatile int announced = NOBODY;

    private volatile boolean mayRemind;

    /** @param published the version up to which this process has read */
    Ownership(
            Database database,
            DurableRegistry registry,
            Map<PartitionId, PartitionRun> runs,
            Coordinator host,
            PartitionClaimer claimer,
            LongSupplier published,
            CheckpointCheck checkpoints) {
        this.database = database;
        this.registry = registry;
        this.runs = runs;
        this.host = host;
        this.claimer = claimer;
        this.published = published;
        this.checkpoints = checkpoints;
    }

    /** Returns whether other processes run durable subscriptions of this table. */
    boolean hasOthers() {
        return hasOthers;
    }

    /**
     * Returns whether no check is needed until an event is stored or a signal arrives: at the last check all partitions had their owners and
     * all events were handled, so nothing is to be done even if a process dies.
     */
    boolean isAtRest() {
        return restsAt == published.getAsLong();
    }

    /** The next check reminds other processes of what they have to do, because a signal may be lost. */
    void remindNext() {
        mayRemind = true;
    }

    /** This process can run other subscriptions than before. */
    void namesChanged() {
        announced = NOBODY;
    }

    void check(Membership member) {
        int me = member.id();
        long version = published.getAsLong();
        restsAt = NEVER;
        if (me != announced) {
            announce(me);
        }
        View view = database.query(connection -> database.instances.view(connection, me));
        if (view.instances().stream().noneMatch(instance -> instance.id() == me)) {
            log.warn("durable.expelled: other processes have seen this one as dead; it joins again");
            runs.values().forEach(PartitionRun::lose);
            member.expelled(me);
            return;
        }
        member.confirm();
        List<Instance> alive =
                view.instances().stream().filter(instance -> !instance.dead()).toList();
        hasOthers = alive.size() > 1;
        Set<Integer> dead = dead(view, alive);
        Map<PartitionId, Integer> assigned = Assignment.of(
                alive,
                view.partitions().stream()
                        .filter(partition -> !partition.paused())
                        .toList());
        List<PartitionId> claimable = new ArrayList<>();
        List<PartitionId> orphans = new ArrayList<>();
        boolean settled = hasNothingToDo(view, assigned, version);
        for (Partition partition : view.partitions()) {
            PartitionRun run = withoutHanging(runs.get(partition.id()));
            Integer owner = partition.owner();
            boolean isOwner = owner != null && owner == me;
            boolean should = Integer.valueOf(me).equals(assigned.get(partition.id()));
            settled &= (run != null && !run.partition().isLost()) == (isOwner && should);
            if (run != null && !isOwner) {
                run.loseOrAbandon();
            } else if (run != null && !should) {
                run.release();
            } else if (run == null && isOwner && !partition.paused() && checkpoints.unchecked(partition.id()) != null) {
                claimable.add(partition.id());
            } else if (run == null && should && (owner == null || isOwner || dead.contains(owner))) {
                claimable.add(partition.id());
            } else if (run == null && isOwner) {
                orphans.add(partition.id());
            }
        }
        claimer.giveBack(me, orphans);
        dead.add(me);
        claimer.claim(me, claimable, dead);
        forget(me, view, dead);
        view.withCommands().forEach(subscription -> host.runs(subscription).forEach(PartitionRun::commanded));
        remind(view, assigned, me, dead);
        if (settled) {
            restsAt = version;
        }
    }

    /** Another process that should claim a partition may be at rest, and have missed the signal. */
    private void remind(View view, Map<PartitionId, Integer> assigned, int me, Set<Integer> dead) {
        boolean may = mayRemind;
        mayRemind = false;
        if (may
                && view.partitions().stream().anyMatch(partition -> {
                    Integer to = assigned.get(partition.id());
                    return to != null && to != me && (partition.owner() == null || dead.contains(partition.owner()));
                })) {
            host.send(Signals.MEMBERS);
        }
    }

    /** Returns whether all processes are alive, all partitions have their owners, and no event up to a version is to be handled. */
    private static boolean hasNothingToDo(View view, Map<PartitionId, Integer> assigned, long version) {
        return !view.keysWait()
                && view.instances().stream().noneMatch(Instance::dead)
                && view.partitions().stream()
                        .allMatch(partition -> Objects.equals(partition.owner(), assigned.get(partition.id()))
                                && (partition.owner() == null || partition.hasReached(version)));
    }

    /** A run that was lost, but whose handler hangs, must not keep this process from claiming the partition again. */
    private @Nullable PartitionRun withoutHanging(@Nullable PartitionRun run) {
        if (run == null || !run.partition().isLost()) {
            return run;
        }
        if (run.partition().isLostFor(HANGING)) {
            runs.remove(run.partition().id(), run);
            return null;
        }
        host.requestCheck(HANGING.toNanos());
        return run;
    }

    /** Others may rest, so a process that joins, or can run other subscriptions, sends a signal. */
    private void announce(int me) {
        announced = me;
        try {
            database.query(connection -> {
                database.instances.update(connection, me, registry.names());
                database.control.send(connection, Signals.MEMBERS);
                return true;
            });
        } catch (RuntimeException e) {
            announced = NOBODY;
            throw e;
        }
    }

    private static Set<Integer> dead(View view, List<Instance> alive) {
        Set<Integer> ids = alive.stream().map(Instance::id).collect(Collectors.toSet());
        Set<Integer> dead = new HashSet<>();
        view.instances().stream().filter(Instance::dead).map(Instance::id).forEach(dead::add);
        for (Partition partition : view.partitions()) {
            Integer owner = partition.owner();
            if (owner != null && !ids.contains(owner)) {
                dead.add(owner);
            }
        }
        return dead;
    }

    /** Deletes the rows of dead processes, so that all processes see the same. */
    private void forget(int me, View view, Collection<Integer> dead) {
        List<Integer> gone = view.instances().stream()
                .filter(Instance::dead)
                .map(Instance::id)
                .filter(id -> id != me && dead.contains(id))
                .toList();
        if (!gone.isEmpty()) {
            database.query(connection -> {
                if (database.instances.deleteDead(connection, gone)) {
                    database.control.send(connection, Signals.MEMBERS);
                }
                return true;
            });
        }
    }
}
