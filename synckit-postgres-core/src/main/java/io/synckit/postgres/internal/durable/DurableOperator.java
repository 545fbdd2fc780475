package io.synckit.postgres.internal.durable;

import io.synckit.EventStoreException;
import io.synckit.InvalidVersionException;
import io.synckit.Version;
import io.synckit.postgres.internal.runtime.Clock;
import io.synckit.postgres.internal.sql.CheckpointAdmin;
import io.synckit.postgres.internal.sql.ParkedTable;
import io.synckit.postgres.internal.sql.ParkedTable.Command;
import io.synckit.postgres.internal.sql.Session;
import io.synckit.postgres.internal.sql.SubscriptionTable;
import io.synckit.subscription.DurableStatus;
import io.synckit.subscription.ParkedKey;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What an operator does with a durable subscription. Acts on the tables, so it works in any process. Thread-safe. */
final class DurableOperator {

    private static final Duration GRACE = Duration.ofSeconds(10);
    private static final Duration LOOK_AGAIN = Duration.ofMillis(20);

    private final String name;
    private final Database database;
    private final Coordinator coordinator;
    private final Clock clock;

    DurableOperator(String name, Database database, Coordinator coordinator, Clock clock) {
        this.name = name;
        this.database = database;
        this.coordinator = coordinator;
        this.clock = clock;
    }

    DurableStatus status() {
        return database.query(connection -> {
            SubscriptionTable.Row row = database.subscriptions
                    .find(connection, name)
                    .orElseThrow(() -> new EventStoreException(
                            "there is no durable subscription '" + name + "' in the database; start it again"));
            long parked = database.parked.count(connection, name);
            List<DurableStatus.Partition> partitions = database.admin.list(connection, name).stream()
                    .map(DurableOperator::partition)
                    .toList();
            long stable = database.horizons.horizon(connection).requirePrimary().stable();
            return new DurableStatus(
                    name, row.paused(), Version.of(row.replayUntil()), parked, Version.of(stable), partitions);
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
        database.query(connection -> {
            database.subscriptions.pause(connection, name, true);
            return true;
        });
        database.send(Signals.changed(name));
        coordinator.requestCheck(0);
        long end = clock.nanos() + GRACE.toNanos();
        while (isOwned() && clock.nanos() < end) {
            Thread.sleep(LOOK_AGAIN.toMillis());
        }
        database.query(connection -> {
            database.admin.seize(connection, name);
            return true;
        });
        takenFromOwners();
    }

    private boolean isOwned() {
        return database.query(connection -> database.admin.list(connection, name)).stream()
                .anyMatch(row -> row.owner() != null);
    }

    void resume() {
        database.transaction(connection -> {
            database.subscriptions.pause(connection, name, false);
            database.admin.restart(connection, name);
            return true;
        });
        database.send(Signals.changed(name));
        coordinator.requestCheck(0);
    }

    void moveTo(Version expected, Version to) {
        database.transaction(connection -> {
            requireInLog(connection, to);
            long lowest = database.admin.lock(connection, name);
            if (lowest != expected.value()) {
                throw new InvalidVersionException(
                        expected.toString(),
                        "the position of subscription '" + name + "' is " + lowest
                                + "; nothing is changed, so check it and try again");
            }
            database.admin.move(connection, name, to.value());
            return true;
        });
        takenFromOwners();
    }

    /** The rows are locked first, so that no handler commits between the action and the move. */
    void replay(Version from, Runnable action) {
        try {
            database.pool.inTransaction(() -> {
                try (Session session = Session.open(database.pool)) {
                    Connection connection = session.connection();
                    requireInLog(connection, from);
                    database.admin.lock(connection, name);
                    action.run();
                    database.admin.move(connection, name, from.value());
                    database.parked.deleteAll(connection, name);
                    long stable = database.horizons
                            .horizon(connection)
                            .requirePrimary()
                            .stable();
                    database.subscriptions.replayUntil(connection, name, stable);
                    return true;
                }
            });
        } catch (RuntimeException e) {
            throw e;
        } catch (Exception e) {
            throw new EventStoreException("replay of subscription '" + name + "' has failed; nothing is changed", e);
        }
        takenFromOwners();
    }

    private void requireInLog(Connection connection, Version version) throws SQLException {
        Version head = Version.of(
                database.horizons.horizon(connection).requirePrimary().head());
        if (version.compareTo(head) > 0) {
            throw InvalidVersionException.beyondEnd(version, head);
        }
    }

    /** The partitions were moved or restarted, so they have no owner. */
    private void takenFromOwners() {
        coordinator.takenFromOwners(name);
        database.send(Signals.changed(name));
    }

    List<ParkedKey> parked(int limit) {
        if (limit < 1) {
            throw new IllegalArgumentException("limit is " + limit + ", at least 1 is needed");
        }
        return database.query(connection -> database.parked.load(connection, name, limit)).stream()
                .map(DurableOperator::key)
                .toList();
    }

    private static ParkedKey key(ParkedTable.Row row) {
        return new ParkedKey(
                row.key(),
                Version.of(row.nextVersion()),
                row.attempts(),
                row.retryAt(),
                row.failure().type(),
                row.failure().message(),
                row.firstFailedAt(),
                row.lastFailedAt());
    }

    /** @param key null for all keys */
    int requeue(@Nullable String key) {
        return command(key, Command.REQUEUE);
    }

    boolean skip(String key) {
        return command(key, Command.SKIP) > 0;
    }

    boolean discard(String key) {
        return command(key, Command.DISCARD) > 0;
    }

    private int command(@Nullable String key, Command command) {
        int keys = database.query(connection -> database.parked.command(connection, name, key, command));
        database.send(Signals.command(name));
        coordinator.runs(name).forEach(PartitionRun::loadKeys);
        return keys;
    }
}
