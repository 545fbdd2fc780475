package io.synckit.postgres.internal.durable;

import io.synckit.EventStoreException;
import io.synckit.InvalidVersionException;
import io.synckit.Version;
import io.synckit.postgres.internal.runtime.Clock;
import io.synckit.postgres.internal.sql.CheckpointAdmin;
import io.synckit.postgres.internal.sql.ParkedCommand;
import io.synckit.postgres.internal.sql.ParkedRow;
import io.synckit.postgres.internal.sql.PartitionId;
import io.synckit.postgres.internal.sql.Session;
import io.synckit.postgres.internal.sql.SqlFunction;
import io.synckit.postgres.internal.sql.SubscriptionTable;
import io.synckit.subscription.DurableStatus;
import io.synckit.subscription.ParkedKey;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What an operator does with a durable subscription. Acts on the tables, so it works in any process. Thread-safe. */
final class DurableOperator {

    /** How long a pause tries to end the sessions of calls that hang. */
    private static final Duration FORCE_LIMIT = Duration.ofSeconds(10);

    private static final Logger log = LoggerFactory.getLogger(DurableOperator.class);

    private static final String LOCK_NOT_AVAILABLE = "55P03";

    private static final Duration POLL_INTERVAL = Duration.ofMillis(20);

    private final String name;
    private final Database database;
    private final Coordinator coordinator;
    private final Duration grace;
    private final Clock clock;

    /** @param grace how long a pause waits for running handler calls */
    DurableOperator(String name, Database database, Coordinator coordinator, Duration grace, Clock clock) {
        this.name = name;
        this.database = database;
        this.coordinator = coordinator;
        this.grace = grace;
        this.clock = clock;
    }

    DurableStatus status() {
        return database.query(connection -> {
            SubscriptionTable.Row row = database.subscriptions
                    .find(connection, name)
                    .orElseThrow(() -> new EventStoreException(
                            "there is no durable subscription '" + name + "' in the database; start it again"));
            long waiting = database.parkedAdmin.count(connection, name);
            List<DurableStatus.Partition> partitions = database.admin.list(connection, name).stream()
                    .map(DurableOperator::partition)
                    .toList();
            long stable = database.horizons.horizon(connection).requirePrimary().stable();
            return new DurableStatus(
                    name, row.paused(), Version.of(row.replayUntil()), waiting, Version.of(stable), partitions);
        });
    }

    private static DurableStatus.Partition partition(CheckpointAdmin.Row row) {
        return new DurableStatus.Partition(
                row.partition(),
                Version.of(row.position()),
                row.ownerName(),
                row.suspect() == null ? null : Version.of(row.suspect()),
                row.attempts(),
                row.retryAt(),
                row.stopped(),
                row.failure());
    }

    void pause() throws InterruptedException {
        database.transaction(connection -> {
            database.subscriptions.pause(connection, name, true);
            return changed(connection);
        });
        coordinator.requestCheck(0);
        long force = clock.nanos() + grace.toNanos();
        long giveUp = force + FORCE_LIMIT.toNanos();
        for (Map<PartitionId, Integer> owners = owners(); !owners.isEmpty(); owners = owners()) {
            if (!isPaused()) {
                throw new EventStoreException("subscription '" + name
                        + "' was resumed while pause() waited for running handler calls, so it is not paused");
            }
            if (clock.nanos() >= giveUp) {
                throw new EventStoreException("the sessions that hold " + owners.keySet()
                        + " cannot be ended, so a handler call may still commit; end them by pg_terminate_backend");
            }
            if (clock.nanos() >= force) {
                takeFrom(owners);
            }
            Thread.sleep(POLL_INTERVAL.toMillis());
        }
        coordinator.takenFromOwners(name);
        log.info("subscription.paused: '{}'", name);
    }

    /** All processes learn of a change with its commit, because those at rest do not query it. */
    private boolean changed(Connection connection) throws SQLException {
        database.control.send(connection, Signals.changed(name));
        return true;
    }

    private boolean isPaused() {
        return database.query(connection -> database.subscriptions.find(connection, name))
                .map(SubscriptionTable.Row::paused)
                .orElse(false);
    }

    private Map<PartitionId, Integer> owners() {
        Map<PartitionId, Integer> owners = new TreeMap<>();
        for (CheckpointAdmin.Row row : database.query(connection -> database.admin.list(connection, name))) {
            Integer owner = row.owner();
            if (owner != null) {
                owners.put(new PartitionId(name, row.partition()), owner);
            }
        }
        return owners;
    }

    /** Takes the partitions that no handler call holds. The sessions of the other calls are ended, so the next attempt takes them. */
    private void takeFrom(Map<PartitionId, Integer> owners) {
        database.query(connection -> {
            database.admin.seize(connection, name);
            return database.claims.terminateLockers(connection, owners.keySet(), owners.values());
        });
    }

    void resume() {
        patiently(connection -> {
            // Locks the checkpoints before the subscription, as replay() does.
            database.admin.restart(connection, name);
            database.admin.stale(connection, name).ifPresent(stale -> {
                throw new EventStoreException(
                        "subscription '" + name + "' cannot be resumed: partition " + stale.partition()
                                + " has stopped, because its checkpoint at version " + stale.position()
                                + " belongs to a former log, so events would be skipped; nothing is changed: call replay");
            });
            database.subscriptions.pause(connection, name, false);
            return changed(connection);
        });
        coordinator.requestCheck(0);
        log.info("subscription.resumed: '{}'", name);
    }

    void moveTo(Version expected, Version to) {
        patiently(connection -> {
            requireInLog(connection, to);
            long lowest = lock(connection);
            if (lowest != expected.value()) {
                throw InvalidVersionException.otherPosition(name, expected, Version.of(lowest));
            }
            database.admin.move(connection, name, to.value());
            return changed(connection);
        });
        coordinator.takenFromOwners(name);
        log.info(
                "subscription.moved: all partitions of '{}' were moved to version {}; the lowest was at {}",
                name,
                to,
                expected);
    }

    /** The rows are locked first, so that no handler commits between the action and the move. */
    void replay(Version from, Runnable action) {
        try {
            database.pool.inTransaction(() -> {
                try (Session session = Session.open(database.pool)) {
                    Connection connection = session.connection();
                    requireInLog(connection, from);
                    lock(connection);
                    action.run();
                    database.admin.move(connection, name, from.value());
                    database.parkedAdmin.deleteAll(connection, name);
                    long stable = database.horizons
                            .horizon(connection)
                            .requirePrimary()
                            .stable();
                    database.subscriptions.replayUntil(connection, name, stable);
                    // The transaction may be the caller's, which commits later.
                    database.pool.afterCommit(() -> {
                        coordinator.takenFromOwners(name);
                        log.info(
                                "subscription.replayed: '{}' begins to handle the events after version {} again",
                                name,
                                from);
                    });
                    return changed(connection);
                }
            });
        } catch (RuntimeException e) {
            throw e;
        } catch (Exception e) {
            throw new EventStoreException("replay of subscription '" + name + "' has failed; nothing is changed", e);
        }
    }

    /** Locks all partitions. */
    private long lock(Connection connection) throws SQLException {
        try {
            return database.admin.lock(connection, name, grace);
        } catch (SQLException e) {
            throw named(e);
        }
    }

    /** Runs a transaction that may wait for the rows that a running handler call has locked. */
    private <R> R patiently(SqlFunction<Connection, R> work) {
        return database.patientTransaction(grace, connection -> {
            try {
                return work.apply(connection);
            } catch (SQLException e) {
                throw named(e);
            }
        });
    }

    private SQLException named(SQLException failure) {
        if (!LOCK_NOT_AVAILABLE.equals(failure.getSQLState())) {
            return failure;
        }
        throw new EventStoreException(
                "a handler call of subscription '" + name + "' runs for more than " + grace.toSeconds()
                        + " s; nothing is changed; pause the subscription first, which ends such calls",
                failure);
    }

    private void requireInLog(Connection connection, Version version) throws SQLException {
        Version head = Version.of(
                database.horizons.horizon(connection).requirePrimary().head());
        if (version.compareTo(head) > 0) {
            throw InvalidVersionException.beyondEnd(version, head);
        }
    }

    List<ParkedKey> parked(int limit) {
        if (limit < 1) {
            throw new IllegalArgumentException("limit is " + limit + ", at least 1 is needed");
        }
        return database.query(connection -> database.parked.load(connection, name, limit)).stream()
                .map(ParkedRow::asParkedKey)
                .toList();
    }

    /** @param key null for all keys */
    int requeue(@Nullable String key) {
        int keys = command(key, null, ParkedCommand.REQUEUE);
        log.info(
                "subscription.requeued: '{}': {}, requeued keys: {}",
                name,
                key == null ? "all" : "'" + key + "'",
                keys);
        return keys;
    }

    /** Skips the event at which the key is now. If that has been handled meanwhile, nothing is skipped. */
    boolean skip(String key) {
        Optional<ParkedRow> row = database.query(connection -> database.parked.find(connection, name, key));
        return row.isPresent() && command(key, row.get().nextVersion(), ParkedCommand.SKIP) > 0;
    }

    boolean discard(String key) {
        return command(key, null, ParkedCommand.DISCARD) > 0;
    }

    private int command(@Nullable String key, @Nullable Long nextVersion, ParkedCommand command) {
        int keys = patiently(connection -> {
            database.control.send(connection, Signals.command(name));
            return database.parkedAdmin.command(connection, name, key, nextVersion, command);
        });
        coordinator.requestCheck(0);
        coordinator.runs(name).forEach(PartitionRun::commanded);
        return keys;
    }
}
