package io.synckit.postgres.internal.durable;

import io.synckit.postgres.internal.sql.CheckpointTable.Stored;
import io.synckit.postgres.internal.sql.PartitionClaims.Held;
import io.synckit.postgres.internal.sql.ServerStart;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The row of a claimed partition. The claim, and what is known of the row, guard each write. Thread-safe. */
final class ClaimedRow {

    private static final Logger log = LoggerFactory.getLogger(ClaimedRow.class);

    private final Held held;
    private final PartitionPosition position;
    private final Database database;

    ClaimedRow(Held held, PartitionPosition position, Database database) {
        this.held = held;
        this.position = position;
        this.database = database;
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
     * Stores that the partition has stopped at an event.
     *
     * @throws OwnershipLostException if the claim is not valid any more
     */
    void storeStop(long version, int attempts, String failure) {
        storeFailure(version, attempts, null, failure);
    }

    /** Stores the position and that the partition has stopped at an event, rejects a former owner, and locks the row. */
    boolean stop(Connection connection, long reached, long version, int attempts, String failure) throws SQLException {
        return database.checkpoints.failed(
                connection, held, position.stored(), reached, version, attempts, null, failure);
    }

    /**
     * Stores that the partition has stopped because of its checkpoint. {@link io.synckit.postgres.internal.sql.CheckpointAdmin} recognises it,
     * because the suspect event is the checkpoint and has no attempts.
     *
     * @throws OwnershipLostException if the claim is not valid any more
     */
    void storeStaleCheckpoint(String failure) {
        storeFailure(position.version(), 0, null, failure);
    }

    private void storeFailure(long version, int attempts, @Nullable Duration pause, String failure) {
        long now = position.version();
        if (!database.query(connection -> database.checkpoints.failed(
                connection, held, position.stored(), now, version, attempts, pause, failure))) {
            throw new OwnershipLostException(held.id());
        }
        position.flushed(now);
    }

    /** Stores that an event is about to be handled. Returns how often it was started. */
    int start(long version) {
        long now = position.version();
        OptionalLong starts = database.query(
                connection -> database.checkpoints.start(connection, held, position.stored(), now, version));
        int count = (int) starts.orElseThrow(() -> new OwnershipLostException(held.id()));
        position.flushed(now);
        return count;
    }

    /** Stores that the attempt at an event that was started has ended. */
    void undoStart(long version) {
        database.query(connection -> {
            database.checkpoints.undoStart(connection, held, position.stored(), version);
            return true;
        });
    }

    /** Returns whether a position is stored. For use after an exception, because the commit may have succeeded. */
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

    /**
     * Gives the partition up. If the database cannot be used, this process stays the owner in the row, and counts as a dead one.
     *
     * @param afterDeath whether the next owner must expect an event that ends its process
     */
    void release(boolean afterDeath) {
        try {
            database.query(connection -> {
                database.claims.release(connection, held, position.stored().position(), position.version(), afterDeath);
                return true;
            });
        } catch (RuntimeException e) {
            log.warn("durable.release-failed: {} is not released: {}", held.id(), e.getMessage());
        }
    }

    /** @throws OwnershipLostException if the server is another one than that of the claim */
    void requireServer(Connection connection) throws SQLException {
        if (isOtherServer(connection)) {
            throw new OwnershipLostException(held.id());
        }
    }

    /** Returns whether the server is another one than that of the claim. */
    boolean serverHasChanged() {
        return database.query(this::isOtherServer);
    }

    private boolean isOtherServer(Connection connection) throws SQLException {
        return ServerStart.of(connection) != held.serverStart();
    }
}
