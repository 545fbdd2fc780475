package io.synckit.postgres.internal.durable;

import io.synckit.postgres.internal.durable.DurableLog.Item;
import io.synckit.postgres.internal.durable.DurableLog.Slice;
import io.synckit.postgres.internal.sql.ParkedCommand;
import io.synckit.postgres.internal.sql.ParkedFailure;
import io.synckit.postgres.internal.sql.ParkedRow;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The waiting keys of a partition. Only the owner stores their progress, so it keeps them in memory after it has loaded them. Operators set
 * commands in the rows, after which it loads them again. Used by the thread that handles the partition.
 */
final class ParkedKeys {

    /** Events of a key that are read at once. */
    private static final int SLICE = 100;

    /** Time until the key of an event is evaluated again. */
    private static final Duration INVALID_KEY_PAUSE = Duration.ofSeconds(10);

    private static final Logger log = LoggerFactory.getLogger(ParkedKeys.class);

    private final OwnedPartition partition;
    private final boolean afterDeath;
    private final Map<String, WaitingKey> keys = new LinkedHashMap<>();
    private final ParkedReport report;
    private volatile boolean mustLoad = true;
    private boolean isLoaded;

    /** @param afterDeath whether the former owner has died, perhaps during an attempt */
    ParkedKeys(OwnedPartition partition, boolean afterDeath) {
        this.partition = partition;
        this.afterDeath = afterDeath;
        this.report = new ParkedReport(partition);
    }

    /** Reads the keys again at the next turn, because an operator may have set a command. */
    void loadSoon() {
        mustLoad = true;
    }

    /** Loads the keys if they may have changed: after the claim, and after a command. */
    void loadIfNeeded() {
        if (!mustLoad) {
            return;
        }
        mustLoad = false;
        try {
            List<ParkedRow> rows = rows();
            // This process is between two attempts, so it has survived those that it has begun.
            boolean died = afterDeath && !isLoaded;
            endRunning(rows, died);
            keys.clear();
            long now = partition.clock.nanos();
            for (ParkedRow row : rows) {
                keys.put(row.key(), new WaitingKey(row, row.deaths() + (row.running() && died ? 1 : 0), now));
            }
            isLoaded = true;
            report.loaded(keys);
        } catch (RuntimeException e) {
            mustLoad = true;
            throw e;
        }
    }

    private List<ParkedRow> rows() {
        List<ParkedRow> all = partition.database.query(connection -> {
            partition.row.requireServer(connection);
            return partition.database.parked.load(connection, partition.id().subscription(), Integer.MAX_VALUE);
        });
        return all.stream()
                .filter(row -> KeyPartitions.of(row.key(), partition.options.partitions())
                        == partition.id().partition())
                .toList();
    }

    private void endRunning(List<ParkedRow> rows, boolean died) {
        List<String> running =
                rows.stream().filter(ParkedRow::running).map(ParkedRow::key).toList();
        if (!running.isEmpty()) {
            partition.fenced(connection -> {
                partition.database.parked.end(connection, partition.id().subscription(), running, died);
                return true;
            });
        }
    }

    /** Stores that an attempt has ended without a known outcome. If that fails, it is stored when the keys are loaded again. */
    void interrupted(WaitingKey key) {
        loadSoon();
        try {
            partition.fenced(connection -> {
                partition.database.parked.end(connection, partition.id().subscription(), List.of(key.name), false);
                return true;
            });
        } catch (RuntimeException e) {
            log.debug("durable.end-not-stored: {}", e.getMessage());
        }
    }

    /** Returns events of a key from a version on, up to the position. */
    Slice events(WaitingKey key, long from) {
        return key.hasFailedAt(from)
                ? partition.log.one(partition.held(), key.name, from)
                : partition.log.ofKey(partition.held(), key.name, from, partition.position(), SLICE);
    }

    /** Makes only this key wait, because its next event has no valid key. */
    void holdBack(WaitingKey key, InvalidKeyException cause) {
        log.warn("subscription.waits: {}: only key '{}' waits: {}", partition.id(), key.name, cause.getMessage());
        key.holdBack(INVALID_KEY_PAUSE, partition.clock.nanos());
    }

    /** Lets the other keys come before this one. */
    void putLast(WaitingKey key) {
        if (keys.remove(key.name, key)) {
            keys.put(key.name, key);
        }
    }

    boolean contains(String key) {
        return keys.containsKey(key);
    }

    int size() {
        return keys.size();
    }

    /** Returns a key that has a command that can be carried out now. */
    Optional<WaitingKey> commanded() {
        long now = partition.clock.nanos();
        return reached().filter(key -> key.hasCommand(now)).findFirst();
    }

    /** Returns a key whose next attempt is due. Its command, if there is one, comes first. */
    Optional<WaitingKey> due() {
        long now = partition.clock.nanos();
        return reached().filter(key -> key.isDue(now) && !key.hasCommand(now)).findFirst();
    }

    private Stream<WaitingKey> reached() {
        long position = partition.position();
        return keys.values().stream().filter(key -> key.isReached(position));
    }

    /** Returns the time until the next attempt is due; {@link Long#MAX_VALUE} if none is planned. */
    long nanosToNext() {
        long now = partition.clock.nanos();
        return reached()
                .filter(WaitingKey::waits)
                .mapToLong(key -> key.nanosToNext(now))
                .min()
                .orElse(Long.MAX_VALUE);
    }

    /**
     * Makes the key of a failed event a waiting key. The row and the checkpoint are stored in one transaction, so a crash neither loses the event nor
     * handles it twice.
     *
     * @param last the position of the partition afterwards
     * @param pause time until the next attempt; null if the key is parked
     */
    void add(Item item, long last, int attempts, @Nullable Duration pause, ParkedFailure failure) {
        report.storing(item.key());
        partition.fenced(connection -> partition.row.advance(connection, last), connection -> {
            partition.database.parked.insert(
                    connection, partition.id().subscription(), item.key(), item.version(), attempts, pause, failure);
            return true;
        });
        WaitingKey key = new WaitingKey(item.key(), item.version(), attempts, failure);
        key.planned(pause, partition.clock.nanos());
        keys.put(item.key(), key);
        partition.storedUpTo(last);
        report.stored(key);
    }

    /**
     * Stores the start of an attempt at the next event of a key. Returns false if the row has changed. The position is stored with it:
     * otherwise a successor, whose position is before the event, would forget the start.
     *
     * @param pause time until the next attempt, should this process die
     */
    boolean start(WaitingKey key, Duration pause) {
        long position = partition.position();
        boolean[] isStored = {false};
        partition.fenced(connection -> partition.row.reach(connection, position), connection -> {
            isStored[0] = partition.database.parked.start(
                    connection, partition.id().subscription(), key.name, key.nextVersion(), pause);
            return true;
        });
        partition.flushed(position);
        return isStored[0];
    }

    /**
     * Stores a failure of the first event of a key. The position is stored with it: otherwise a successor, whose position is before the
     * event, would not carry out a command to skip it.
     */
    void failed(WaitingKey key, Item item, int attempts, @Nullable Duration pause, ParkedFailure failure) {
        report.storing(key.name);
        long position = partition.position();
        partition.fenced(
                connection -> partition.row.reach(connection, position),
                connection -> partition.database.parked.failed(
                        connection, partition.id().subscription(), key.name, item.version(), attempts, pause, failure));
        partition.flushed(position);
        key.failed(item.version(), attempts, failure);
        key.planned(pause, partition.clock.nanos());
        report.stored(key);
    }

    /**
     * Stores that the partition stops at the first event of a key. When it is resumed, the attempts begin anew.
     *
     * @param attempts attempts until now
     */
    void stopped(WaitingKey key, Item item, int attempts, ParkedFailure failure) {
        long position = partition.position();
        partition.fenced(
                connection -> partition.row.stop(connection, position, item.version(), attempts, failure.message()),
                connection -> partition.database.parked.failed(
                        connection,
                        partition.id().subscription(),
                        key.name,
                        item.version(),
                        0,
                        Duration.ZERO,
                        failure));
        partition.flushed(position);
        key.failed(item.version(), 0, failure);
        key.tryNow(partition.clock.nanos());
    }

    /** Returns whether the row of a key has advanced to a version, although an exception has followed the commit. */
    boolean isAt(WaitingKey key, long version) {
        Optional<ParkedRow> found = partition.database.query(connection ->
                partition.database.parked.find(connection, partition.id().subscription(), key.name));
        return found.filter(row -> row.nextVersion() == version).isPresent();
    }

    /** Deletes a command that is carried out from the row. */
    void clear(WaitingKey key, ParkedCommand command) {
        partition.fenced(connection -> {
            partition.database.parked.clear(connection, partition.id().subscription(), key.name, command);
            return true;
        });
    }

    /** Skips the events of a key below a version, and deletes the command for it from the row. */
    void skipTo(WaitingKey key, long version) {
        next(key, version, ParkedCommand.SKIP);
    }

    /** Stores that the next event of a key is at this version or later. */
    void next(WaitingKey key, long version) {
        next(key, version, null);
    }

    private void next(WaitingKey key, long version, @Nullable ParkedCommand done) {
        long position = partition.position();
        partition.fenced(connection -> partition.row.reach(connection, position), connection -> {
            if (done != null) {
                partition.database.parked.clear(connection, partition.id().subscription(), key.name, done);
            }
            return partition.database.parked.next(
                    connection, partition.id().subscription(), key.name, key.nextVersion(), version);
        });
        partition.flushed(position);
        key.next(version);
    }

    /**
     * Removes a key of which no event waits any more. The position is stored in the same transaction, because otherwise a successor
     * would start at an older one, and handle events of the key again. The removal is counted, so that this owner notices a crash in which the server loses
     * the commit. Without the count it would handle later events of the key before those that wait again.
     */
    void remove(WaitingKey key) {
        long position = partition.position();
        partition.fenced(
                connection -> partition.row.storeRemoval(connection, position),
                connection -> partition.database.parked.delete(
                        connection, partition.id().subscription(), key.name, key.nextVersion()));
        partition.removalStored(position);
        keys.remove(key.name);
    }
}
