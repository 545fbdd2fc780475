package io.synckit.postgres.internal.durable;

import io.synckit.postgres.internal.durable.DurableLog.Item;
import io.synckit.postgres.internal.runtime.SafeLog;
import io.synckit.postgres.internal.sql.ParkedCommand;
import io.synckit.postgres.internal.sql.ParkedFailure;
import io.synckit.postgres.internal.sql.ParkedRow;
import java.time.Duration;
import java.util.HashMap;
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

    private static final Logger log = LoggerFactory.getLogger(ParkedKeys.class);

    private final OwnedPartition partition;
    private final boolean afterDeath;
    private final Map<String, WaitingKey> keys = new LinkedHashMap<>();
    private volatile boolean mustLoad = true;
    private boolean isLoaded;

    /** @param afterDeath whether the former owner has died, perhaps during an attempt */
    ParkedKeys(OwnedPartition partition, boolean afterDeath) {
        this.partition = partition;
        this.afterDeath = afterDeath;
    }

    /** An operator may have set a command. */
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
            List<ParkedRow> rows = partition.database.query(connection -> {
                partition.row.requireServer(connection);
                return partition.database.parked.load(connection, partition.id().subscription(), Integer.MAX_VALUE);
            });
            Map<String, WaitingKey> before = new HashMap<>(keys);
            keys.clear();
            long now = partition.clock.nanos();
            for (ParkedRow row : rows) {
                if (KeyPartitions.of(row.key(), partition.options.partitions())
                        == partition.id().partition()) {
                    WaitingKey known = before.get(row.key());
                    boolean survived = isLoaded ? known != null && known.isStartOf(row) : !afterDeath;
                    keys.put(row.key(), new WaitingKey(row, survived && row.starts() > 0, now));
                }
            }
            isLoaded = true;
        } catch (RuntimeException e) {
            mustLoad = true;
            throw e;
        }
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

    /** Returns whether an operator has set a command that can be carried out now. */
    boolean haveCommand() {
        long now = partition.clock.nanos();
        return keys.values().stream().anyMatch(key -> key.hasCommand(now));
    }

    int size() {
        return keys.size();
    }

    /** Returns a key that has a command; if there is none, one whose next attempt is due. */
    Optional<WaitingKey> due() {
        long now = partition.clock.nanos();
        return reached()
                .filter(key -> key.hasCommand(now))
                .findFirst()
                .or(() -> reached().filter(key -> key.isDue(now)).findFirst());
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
     * Lets an event step aside with its key. The row and the checkpoint are stored in one transaction, so a crash neither loses the event nor
     * handles it twice.
     *
     * @param last the position of the partition afterwards
     * @param pause time until the next attempt; null if the key is parked
     */
    void add(Item item, long last, int attempts, @Nullable Duration pause, ParkedFailure failure) {
        partition.fenced(connection -> partition.row.advance(connection, last), connection -> {
            partition.database.parked.insert(
                    connection, partition.id().subscription(), item.key(), item.version(), attempts, pause, failure);
            return true;
        });
        WaitingKey key = new WaitingKey(item.key(), item.version(), attempts, failure);
        key.planned(pause, partition.clock.nanos());
        keys.put(item.key(), key);
        partition.storedUpTo(last);
        if (pause == null) {
            parked(key);
        }
    }

    /**
     * Stores the start of an attempt at the next event of a key. Returns false if the row has changed. The position is stored with it:
     * otherwise a successor, whose position is before the event, would forget the start.
     *
     * @param pause time until the next attempt, should this process die
     */
    boolean start(WaitingKey key, Duration pause) {
        int starts = key.deaths() + 1;
        long position = partition.position();
        boolean[] isStored = {false};
        key.started(starts);
        partition.fenced(connection -> partition.row.reach(connection, position), connection -> {
            isStored[0] = partition.database.parked.start(
                    connection, partition.id().subscription(), key.name, key.nextVersion(), starts, pause);
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
        long position = partition.position();
        partition.fenced(connection -> partition.row.reach(connection, position), connection -> {
            partition.database.parked.failed(
                    connection, partition.id().subscription(), key.name, item.version(), attempts, pause, failure);
            return true;
        });
        partition.flushed(position);
        key.failed(item.version(), attempts, failure);
        key.planned(pause, partition.clock.nanos());
        if (pause == null) {
            parked(key);
        }
    }

    private void parked(WaitingKey key) {
        partition.counters.parked.increment();
        log.error(
                "subscription.parked: {}: the events of key '{}' from version {} on wait for an operator (attempts: {}): {}",
                partition.id(),
                key.name,
                key.nextVersion(),
                key.attempts(),
                key.failure().message());
        callOnParked(key);
    }

    private void callOnParked(WaitingKey key) {
        try {
            find(key.name).map(ParkedRow::asParkedKey).ifPresent(partition.options.onParked());
        } catch (RuntimeException | Error e) {
            SafeLog.warn(
                    log,
                    "subscription.on-parked-failed: " + partition.id() + ": the action for parked keys has failed",
                    e);
        }
    }

    /** Returns whether the row of a key has advanced to a version, although an exception has followed the commit. */
    boolean isAt(WaitingKey key, long version) {
        return find(key.name).filter(row -> row.nextVersion() == version).isPresent();
    }

    private Optional<ParkedRow> find(String key) {
        return partition.database.query(connection ->
                partition.database.parked.find(connection, partition.id().subscription(), key));
    }

    /** A command is carried out. */
    void clear(WaitingKey key, ParkedCommand command) {
        partition.fenced(connection -> {
            partition.database.parked.clear(connection, partition.id().subscription(), key.name, command);
            return true;
        });
    }

    /** An operator skips an event: the next event of the key is at this version or later. The command is carried out with it. */
    void skipTo(WaitingKey key, long version) {
        next(key, version, ParkedCommand.SKIP);
    }

    /** The next event of a key is at this version or later. */
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
     * Removes a key of which no event waits any more. The position is stored in the same transaction, because a successor must not start
     * before the events of the key that are handled. The removal is counted, so that this owner notices a crash in which the server loses
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
