package io.synckit.postgres.internal.durable;

import io.synckit.Version;
import io.synckit.postgres.internal.runtime.Clock;
import io.synckit.postgres.internal.sql.CheckpointTable.Position;
import io.synckit.postgres.internal.sql.CheckpointTable.Stored;
import io.synckit.postgres.internal.sql.PartitionClaims.Claim;
import io.synckit.postgres.internal.sql.PartitionClaims.Held;
import io.synckit.postgres.internal.sql.PartitionId;
import io.synckit.postgres.internal.sql.ServerStart;
import io.synckit.postgres.internal.sql.Session;
import io.synckit.postgres.internal.sql.SqlFunction;
import io.synckit.subscription.DurableOptions;
import io.synckit.subscription.DurableOptions.Delivery;
import io.synckit.subscription.DurableSubscription.PartitionActivity;
import io.synckit.subscription.DurableSubscription.State;
import io.synckit.subscription.LiveSubscription.Lag;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.OptionalLong;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;

/**
 * One claim of a partition: its epoch, its position, and the writes that the claim guards. Changed by the thread that handles the
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
    private final Held held;
    private final Runnable progressed;
    private final PartitionPosition position;
    private volatile boolean lost;
    private volatile boolean abandoned;
    private volatile long lostAt;
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
        this.run = new RunState(clock);
        run.pause(claim.retryIn());
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
            try (Session session = Session.open(database.pool)) {
                if (!session.joined()) {
                    throw new IllegalStateException("ConnectionSource.borrow() has returned a connection outside of the"
                            + " transaction of inTransaction()");
                }
                if (!fence.apply(session.connection())) {
                    throw new OwnershipLostException(id());
                }
            }
            return work.call();
        });
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
        fenced(this::fence, work);
    }

    /** Rejects a former owner, and locks the row. */
    boolean fence(Connection connection) throws SQLException {
        return database.checkpoints.fence(connection, held, position.stored());
    }

    /** Stores a position, rejects a former owner, and locks the row. */
    boolean advance(Connection connection, long version) throws SQLException {
        return database.checkpoints.advance(connection, held, position.stored(), version);
    }

    /** Stores the position, keeps what is stored about failures, rejects a former owner, and locks the row. */
    boolean reach(Connection connection, long version) throws SQLException {
        return database.checkpoints.reach(connection, held, position.stored(), version);
    }

    /** Stores the position and that a key is removed, rejects a former owner, and locks the row. */
    boolean storeRemoval(Connection connection, long version) throws SQLException {
        return database.checkpoints.storeRemoval(connection, held, position.stored(), version);
    }

    /**
     * Stores that an event has failed, and when it is tried again in place.
     *
     * @throws OwnershipLostException if the claim is not valid any more
     */
    void storeRetry(long version, int attempts, Duration pause, String failure) {
        storeFailure(version, attempts, pause, failure);
    }

    /**
     * Stores that the partition has stopped.
     *
     * @param version the event that has failed, or the position
     * @throws OwnershipLostException if the claim is not valid any more
     */
    void storeStop(long version, int attempts, String failure) {
        storeFailure(version, attempts, null, failure);
    }

    private void storeFailure(long version, int attempts, @Nullable Duration pause, String failure) {
        if (!database.query(connection ->
                database.checkpoints.failed(connection, held, position.stored(), version, attempts, pause, failure))) {
            throw new OwnershipLostException(id());
        }
    }

    /** Stores that an event is about to be handled. Returns how often it was started. */
    int start(long version) {
        long now = position.version();
        OptionalLong starts = database.query(
                connection -> database.checkpoints.start(connection, held, position.stored(), now, version));
        flushed(now);
        return (int) starts.orElseThrow(() -> new OwnershipLostException(id()));
    }

    /** Returns whether a position is stored, although an exception has followed the commit. */
    boolean isStored(long version) {
        return database.query(connection -> database.checkpoints.stored(connection, held))
                .filter(read -> read.position() >= version)
                .isPresent();
    }

    /** Returns whether the claim is still valid, and the row has what was stored last or something later. */
    boolean isHeld() {
        Stored known = position.stored();
        return database.query(connection -> database.checkpoints.stored(connection, held))
                .filter(known::isIn)
                .isPresent();
    }

    /** Gives the partition up. */
    void release() {
        database.query(connection -> {
            database.claims.release(connection, held, position.stored().position(), position.version());
            return true;
        });
    }

    /** The claim ends after the current call of the handler. No position is flushed any more. */
    void abandon() {
        abandoned = true;
    }

    /** Returns whether no other event may be handled with this claim. */
    boolean mustEnd() {
        return lost || abandoned;
    }

    /** @throws OwnershipLostException if the server is another one than that of the claim */
    void requireServer(Connection connection) throws SQLException {
        if (ServerStart.of(connection) != held.serverStart()) {
            throw new OwnershipLostException(id());
        }
    }

    /** Returns whether the server is another one than that of the claim. */
    boolean serverHasChanged() {
        return database.query(ServerStart::of) != held.serverStart();
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

    /** The claim is not valid any more. */
    void lose() {
        if (!lost) {
            lostAt = clock.nanos();
            lost = true;
        }
    }

    boolean isLostFor(Duration time) {
        return lost && clock.nanos() - lostAt >= time.toNanos();
    }

    /** The first event that is not handled; null if there is none. */
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
