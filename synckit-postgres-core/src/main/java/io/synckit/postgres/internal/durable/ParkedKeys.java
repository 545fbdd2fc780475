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
    private final Map<String, Key> keys = new LinkedHashMap<>();
    private final Map<String, Integer> uncounted = new HashMap<>();
    private volatile boolean mustLoad = true;

    ParkedKeys(OwnedPartition partition) {
        this.partition = partition;
    }

    /** An operator may have set a command. */
    void loadSoon() {
        mustLoad = true;
    }

    /**
     * Loads the keys again, after a failure that says nothing about the event.
     *
     * @param attempt the attempt that has failed. It does not count
     */
    void loadWithout(Key key, int attempt) {
        uncounted.put(key.name, attempt);
        loadSoon();
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
            keys.clear();
            long now = partition.clock.nanos();
            for (ParkedRow row : rows) {
                if (KeyPartitions.of(row.key(), partition.options.partitions())
                        == partition.id().partition()) {
                    Key key = new Key(row, now);
                    if (row.retryAt() != null && Integer.valueOf(key.attempts).equals(uncounted.get(key.name))) {
                        key.attempts--;
                    }
                    keys.put(row.key(), key);
                }
            }
            uncounted.clear();
        } catch (RuntimeException e) {
            mustLoad = true;
            throw e;
        }
    }

    boolean contains(String key) {
        return keys.containsKey(key);
    }

    int size() {
        return keys.size();
    }

    /** Returns a key that has a command, or whose next attempt is due. */
    Optional<Key> due() {
        long now = partition.clock.nanos();
        return keys.values().stream()
                .filter(key -> key.command != null || key.isDue(now))
                .findFirst();
    }

    /** Returns the time until the next attempt is due; {@link Long#MAX_VALUE} if none is planned. */
    long nanosToNext() {
        long now = partition.clock.nanos();
        return keys.values().stream()
                .filter(key -> key.waits)
                .mapToLong(key -> Math.max(0, key.dueAt - now))
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
        Key key = new Key(item.key(), item.version(), attempts, failure);
        key.planned(pause, partition.clock.nanos());
        keys.put(item.key(), key);
        partition.storedUpTo(last);
        if (pause == null) {
            parked(key);
        }
    }

    /** Stores a failure of the first event of a key. */
    void failed(Key key, long version, int attempts, @Nullable Duration pause, ParkedFailure failure) {
        partition.fenced(connection -> {
            partition.database.parked.failed(
                    connection, partition.id().subscription(), key.name, version, attempts, pause, failure);
            return true;
        });
        key.nextVersion = version;
        key.attempts = attempts;
        key.failure = failure;
        key.planned(pause, partition.clock.nanos());
        if (pause == null) {
            parked(key);
        }
    }

    private void parked(Key key) {
        partition.counters.parked.increment();
        log.error(
                "subscription.parked: {}: the events of key '{}' from version {} on wait for an operator, after {} attempts: {}",
                partition.id(),
                key.name,
                key.nextVersion,
                key.attempts,
                key.failure.message());
        callOnParked(key);
    }

    private void callOnParked(Key key) {
        try {
            partition
                    .database
                    .query(connection -> partition.database.parked.find(
                            connection, partition.id().subscription(), key.name))
                    .map(ParkedRow::asParkedKey)
                    .ifPresent(partition.options.onParked());
        } catch (RuntimeException | Error e) {
            SafeLog.warn(
                    log,
                    "subscription.on-parked-failed: " + partition.id() + ": the action for parked keys has failed",
                    e);
        }
    }

    /** Returns whether the row of a key has advanced to a version, although an exception has followed the commit. */
    boolean isAt(Key key, long version) {
        Optional<ParkedRow> row = partition.database.query(connection ->
                partition.database.parked.find(connection, partition.id().subscription(), key.name));
        return row.filter(found -> found.nextVersion() == version).isPresent();
    }

    /** A command is carried out. */
    void clear(Key key, ParkedCommand command) {
        partition.fenced(connection -> {
            partition.database.parked.clear(connection, partition.id().subscription(), key.name, command);
            return true;
        });
    }

    /** An operator skips an event: the next event of the key is at this version or later. The command is carried out with it. */
    void skipTo(Key key, long version) {
        next(key, version, ParkedCommand.SKIP);
    }

    /** The next event of a key is at this version or later. */
    void next(Key key, long version) {
        next(key, version, null);
    }

    private void next(Key key, long version, @Nullable ParkedCommand done) {
        long position = partition.position();
        partition.fenced(connection -> partition.row.reach(connection, position), connection -> {
            if (done != null) {
                partition.database.parked.clear(connection, partition.id().subscription(), key.name, done);
            }
            return partition.database.parked.next(
                    connection, partition.id().subscription(), key.name, key.nextVersion, version);
        });
        partition.flushed(position);
        key.next(version);
    }

    /**
     * Removes a key of which no event waits any more. The position is stored in the same transaction, because a successor must not start
     * before the events of the key that are handled. The removal is counted, so that this owner notices a crash in which the server loses
     * the commit. Without the count it would handle later events of the key before those that wait again.
     */
    void remove(Key key) {
        long position = partition.position();
        partition.fenced(
                connection -> partition.row.storeRemoval(connection, position),
                connection -> partition.database.parked.delete(
                        connection, partition.id().subscription(), key.name, key.nextVersion));
        partition.removalStored(position);
        keys.remove(key.name);
    }

    /** A key in memory. */
    static final class Key {

        final String name;
        private long nextVersion;
        private int attempts;
        private ParkedFailure failure;
        private @Nullable ParkedCommand command;
        private boolean waits;
        private long dueAt;

        Key(ParkedRow row, long now) {
            this(row.key(), row.nextVersion(), row.attempts(), row.failure());
            this.command = row.command();
            planned(row.retryAt() == null ? null : row.retryIn(), now);
        }

        Key(String name, long nextVersion, int attempts, ParkedFailure failure) {
            this.name = name;
            this.nextVersion = nextVersion;
            this.attempts = attempts;
            this.failure = failure;
        }

        private void planned(@Nullable Duration pause, long now) {
            waits = pause != null;
            dueAt = pause == null ? 0 : now + pause.toNanos();
        }

        /** The next event is at this version or later, and was not tried. */
        void next(long version) {
            nextVersion = version;
            attempts = 0;
        }

        /** Plans an attempt at once. */
        void tryNow(long now) {
            planned(Duration.ZERO, now);
        }

        boolean isDue(long now) {
            return waits && dueAt <= now;
        }

        long nextVersion() {
            return nextVersion;
        }

        int attempts() {
            return attempts;
        }

        ParkedFailure failure() {
            return failure;
        }

        /** Returns the command of an operator, and forgets it. */
        @Nullable ParkedCommand takeCommand() {
            ParkedCommand taken = command;
            command = null;
            return taken;
        }
    }
}
