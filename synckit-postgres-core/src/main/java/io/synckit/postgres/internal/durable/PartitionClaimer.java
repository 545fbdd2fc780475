package io.synckit.postgres.internal.durable;

import io.synckit.HistoryChangedException;
import io.synckit.postgres.internal.listen.HistoryChange;
import io.synckit.postgres.internal.runtime.SafeLog;
import io.synckit.postgres.internal.sql.PartitionClaims.Claim;
import io.synckit.postgres.internal.sql.PartitionId;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Semaphore;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Claims partitions for this process, starts their runs, and gives back what it cannot run. Used by the coordinator's thread. */
final class PartitionClaimer {

    private static final Logger log = LoggerFactory.getLogger(PartitionClaimer.class);

    private final Database database;
    private final DurableRegistry registry;
    private final Coordinator host;
    private final CheckpointCheck checkpoints;
    private final Semaphore carefulPermit = new Semaphore(1);

    /** Partitions that were claimed after the death of an owner, and were not started yet. */
    private final Set<PartitionId> afterDeath = new HashSet<>();

    PartitionClaimer(Database database, DurableRegistry registry, Coordinator host, CheckpointCheck checkpoints) {
        this.database = database;
        this.registry = registry;
        this.host = host;
        this.checkpoints = checkpoints;
    }

    /** Claims partitions. Ends transactions of dead processes that lock their rows. */
    void claim(int me, List<PartitionId> wanted, Set<Integer> dead) {
        if (wanted.isEmpty()) {
            return;
        }
        HistoryChange before = checkpoints.lastChange();
        List<Claim> claims = database.transaction(connection -> database.claims.claim(connection, me, wanted, dead));
        claims.forEach(this::claimed);
        claims.forEach(claim -> start(me, claim, before));
        List<PartitionId> locked = new ArrayList<>(wanted);
        claims.forEach(claim -> locked.remove(claim.id()));
        if (locked.isEmpty()) {
            return;
        }
        int ended = database.query(connection -> database.claims.terminateLockers(connection, locked, dead));
        if (ended > 0) {
            log.warn("durable.terminated: {} sessions of dead processes had locked {}", ended, locked);
            host.requestCheck(0);
        }
    }

    /** Keeps what the row does not say any more: if the start fails, this process is the former owner at the next claim. */
    private void claimed(Claim claim) {
        checkpoints.claimed(claim);
        if (claim.afterDeath()) {
            afterDeath.add(claim.id());
        } else if (!claim.isAgain()) {
            afterDeath.remove(claim.id());
        }
    }

    /** @param before the last history change when the claim began; null if there was none */
    private void start(int me, Claim claim, @Nullable HistoryChange before) {
        DurableSubscriber subscriber = registry.find(claim.id().subscription());
        if (subscriber == null) {
            refuse(claim);
            return;
        }
        boolean died = afterDeath.contains(claim.id());
        log.info(
                "durable.claimed: {} at version {}{}",
                claim.id(),
                claim.position(),
                died ? ", one event at a time at first, because a former owner has died" : "");
        PartitionRun run = subscriber.run(claim, died, carefulPermit, host);
        Optional<HistoryChangedException> problem = Optional.empty();
        if (claim.stopped()) {
            run.partition().run.stop(Objects.requireNonNullElse(claim.failure(), "its failure is not stored"));
        } else {
            problem = checkpoints.problem(claim);
            problem.ifPresent(run::stopAtFirstTurn);
        }
        if (!host.add(run, me)) {
            refuse(claim);
            return;
        }
        afterDeath.remove(claim.id());
        if (registry.find(subscriber.name()) != subscriber) {
            run.release(); // closed meanwhile
        } else {
            if (checkpoints.remember(claim, before, problem.isPresent())) {
                run.abandon();
            }
            run.wake();
        }
    }

    /** The subscription was closed, or this process stops. */
    private void refuse(Claim claim) {
        database.query(connection -> {
            database.claims.release(
                    connection, claim.held(), claim.position(), claim.position(), afterDeath.contains(claim.id()));
            return true;
        });
    }

    /**
     * Gives partitions back that this process owns in the rows, but does not run. If a checkpoint is stale, the partition stops, because the
     * next owner would not find that.
     */
    void giveBack(int me, List<PartitionId> partitions) {
        if (partitions.isEmpty()) {
            return;
        }
        database.query(connection -> {
            for (PartitionId id : partitions) {
                HistoryChange change = checkpoints.unchecked(id);
                if (change != null) {
                    String failure = SafeLog.describe(change.failure());
                    if (database.claims.giveBackStale(connection, me, id, change.firstReplaced(), failure)) {
                        log.error("subscription.stopped: {}: {}", id, failure);
                    }
                }
            }
            database.claims.giveBack(connection, me, partitions);
            return true;
        });
    }
}
