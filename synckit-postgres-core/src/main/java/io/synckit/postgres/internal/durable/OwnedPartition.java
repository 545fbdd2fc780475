package io.synckit.postgres.internal.durable;

import io.synckit.Version;
import io.synckit.postgres.internal.runtime.Clock;
import io.synckit.postgres.internal.sql.CheckpointTable.Position;
import io.synckit.postgres.internal.sql.CheckpointTable.Stored;
import io.synckit.postgres.internal.sql.PartitionClaims.Claim;
import io.synckit.postgres.internal.sql.PartitionClaims.Held;
import io.synckit.postgres.internal.sql.PartitionId;
import io.synckit.postgres.internal.sql.Session;
import io.synckit.postgres.internal.sql.SqlFunction;
import io.synckit.subscription.DurableOptions;
import io.synckit.subscription.DurableOptions.Delivery;
import io.synckit.subscription.DurableSubscription.PartitionActivity;
import io.synckit.subscription.DurableSubscription.State;
import io.synckit.subscription.LiveSubscription.Lag;
import java.sql.Connection;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;

/**
 * What the handling of a claimed partition shares: its position, its state and its transactions. Changed by the thread that handles the
 * partition, read by all.
 */
final class OwnedPartition {

    final DurableOptions options;
    final Database database;
    final DurableLog log;
    final HandlerCalls calls;
    final Counters counters;
    final Outage outage = new Outage();
    final RetryDelays delays;
    final Clock clock;
    final RunState run;
    final ClaimedRow row;
    private final Held held;
    private final Runnable progressed;
    private final PartitionPosition position;
    private volatile boolean lost;
    private volatile boolean abandoned;
    private volatile boolean releasing;
    private volatile long lostAt;
    private volatile long answered;
    private volatile boolean positionUnknown;
    private volatile @Nullable Instant oldestWaiting;

    /** @param progressed called after the position has moved */
    OwnedPartition(
            Claim claim,
            DurableOptions options,
            Database database,
            DurableLog log,
            HandlerCalls calls,
            Counters counters,
            Clock clock,
            Runnable progressed) {
        this.held = claim.held();
        this.options = options;
        this.database = database;
        this.log = log;
        this.calls = calls;
        this.counters = counters;
        this.delays = RetryDelays.of(options);
        this.clock = clock;
        this.progressed = progressed;
        this.position = new PartitionPosition(claim.stored(), clock);
        this.row = new ClaimedRow(held, position, database);
        this.run = new RunState(clock);
        this.oldestWaiting = claim.suspectStoredAt();
        if (!claim.retryIn().isZero()) {
            run.backOff(claim.retryIn(), claim.failure() == null ? "" : claim.failure());
        }
    }

    PartitionId id() {
        return held.id();
    }

    Held held() {
        return held;
    }

    boolean isExactlyOnce() {
        return options.delivery() == Delivery.EXACTLY_ONCE;
    }

    long position() {
        return position.version();
    }

    /** All events up to this version are handled, wait with their keys, or do not match. */
    void moveTo(long version) {
        if (position.moveTo(version)) {
            progressed.run();
        }
    }

    /** Moves to a version that is stored already. */
    void storedUpTo(long version) {
        flushed(version);
        moveTo(version);
    }

    /**
     * Returns the position if it must be stored now; null if not.
     *
     * @param all whether it must also be stored if it could be stored later
     */
    @Nullable Position unstored(boolean all) {
        long now = position.version();
        Stored known = position.stored();
        boolean due = all || !isExactlyOnce() || position.isDue();
        return now > known.position() && due && !mustEnd() ? new Position(held, known, now) : null;
    }

    /** Returns whether a position up to a version is stored, or cannot be stored with this claim any more. */
    boolean isStored(long version) {
        return mustEnd() || position.stored().position() >= version;
    }

    /** Returns the version up to which processes that wait were answered. */
    long answered() {
        return answered;
    }

    /** Processes that wait for versions up to this one were answered. */
    void answered(long version) {
        answered = version;
    }

    /** A position was stored. */
    void flushed(long version) {
        position.flushed(version);
    }

    /** A position was stored, and the removal of a key. */
    void removalStored(long version) {
        position.removalStored(version);
    }

    /** The outcome of the last commit is not known. */
    void mustReadPosition() {
        positionUnknown = true;
    }

    /** Reads the position again, if the outcome of the last commit is not known. */
    void readPositionIfUnknown() {
        if (!positionUnknown) {
            return;
        }
        positionUnknown = false;
        try {
            Stored known = position.stored();
            Stored read = database.query(connection -> database.checkpoints.storedAtLast(connection, held))
                    .filter(known::isIn)
                    .orElseThrow(() -> new OwnershipLostException(id()));
            position.rowRead(read);
            moveTo(read.position());
        } catch (RuntimeException e) {
            positionUnknown = true;
            throw e;
        }
    }

    /** Runs work in the transaction of the handler. Its first statement stores the position and rejects a former owner. */
    void inHandlersTransaction(SqlFunction<Connection, Boolean> fence, Callable<Boolean> work) throws Exception {
        database.pool.inTransaction(() -> {
            inOpenTransaction(fence);
            return work.call();
        });
    }

    /** Runs a statement in the transaction that {@link #inHandlersTransaction} has begun. If it returns false, the claim is not valid any more. */
    void inOpenTransaction(SqlFunction<Connection, Boolean> fence) throws Exception {
        try (Session session = Session.open(database.pool)) {
            if (!session.joined()) {
                throw new IllegalStateException("ConnectionSource.borrow() has returned a connection outside of the"
                        + " transaction of inTransaction()");
            }
            if (!fence.apply(session.connection())) {
                throw new OwnershipLostException(id());
            }
        }
    }

    /** Runs statements in a transaction of their own, unless the claim is not valid any more. If the work returns false, rows are not as expected. */
    void fenced(SqlFunction<Connection, Boolean> fence, SqlFunction<Connection, Boolean> work) {
        database.transaction(connection -> {
            if (!fence.apply(connection) || !work.apply(connection)) {
                throw new OwnershipLostException(id());
            }
            return true;
        });
    }

    /** Runs statements in a transaction of their own, unless the claim is not valid any more. */
    void fenced(SqlFunction<Connection, Boolean> work) {
        fenced(row::fence, work);
    }

    /** Ends the claim after the current batch. No position is flushed any more. */
    void abandon() {
        abandoned = true;
    }

    /** Lets the partition be given up after the current call of the handler. */
    void beginRelease() {
        releasing = true;
    }

    boolean isReleasing() {
        return releasing;
    }

    /** Returns whether no other event may be handled with this claim. */
    boolean mustEnd() {
        return lost || abandoned;
    }

    boolean isLost() {
        return lost;
    }

    /** @throws OwnershipLostException if no other event may be handled with this claim */
    void requireOwned() {
        if (mustEnd()) {
            throw new OwnershipLostException(id());
        }
    }

    /** Marks the claim as not valid any more. */
    void lose() {
        if (!lost) {
            lostAt = clock.nanos();
            lost = true;
        }
    }

    boolean isLostFor(Duration time) {
        return lost && clock.nanos() - lostAt >= time.toNanos();
    }

    /** @param stored when the first event that is not handled was stored; null if there is none */
    void waitingSince(@Nullable Instant stored) {
        oldestWaiting = stored;
    }

    PartitionActivity activity() {
        long behind = Math.max(0, log.published() - position.version());
        Instant oldest = oldestWaiting;
        Duration time = oldest == null || behind == 0 ? Duration.ZERO : Duration.between(oldest, clock.now());
        return new PartitionActivity(
                held.id().partition(),
                Version.of(position.version()),
                lost ? State.NOT_OWNED : run.state(),
                run.failure(),
                new Lag(behind, time.isNegative() ? Duration.ZERO : time),
                calls.runs(),
                counters.now());
    }
}
