package io.synckit.postgres.internal.sql;

import io.synckit.Version;
import io.synckit.subscription.DurableStatus;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The checkpoints of a durable subscription, as sessions other than the owner read and change them. Each change of a position increases
 * the epoch, so that the former owner can store nothing more.
 */
public final class CheckpointAdmin {

    private static final String LIST = """
            select c.partition, c.position, c.owner, i.name, c.suspect, c.attempts,
                   case when isfinite(c.retry_at) then c.retry_at end, coalesce(c.retry_at = 'infinity', false), c.failure
              from <checkpoints> c left join <instances> i on i.id = c.owner
             where c.subscription = ? order by c.partition
            """;

    private static final String SUMMARIES = """
            select s.name, s.paused, count(*), count(*) filter (where c.owner is null),
                   count(*) filter (where c.retry_at = 'infinity'), min(c.position),
                   (select count(*) from <parked> p where p.subscription = s.name and p.retry_at is null),
                   (select count(*) from <parked> p where p.subscription = s.name and p.retry_at is not null)
              from <subscriptions> s join <checkpoints> c on c.subscription = s.name
             group by s.name order by s.name
            """;

    private static final String LOCK =
            "select min(position) from (select position from <checkpoints> where subscription = ? order by partition for update) c";

    private static final String BEGIN_LOCK = """
            select current_setting('lock_timeout'), set_config('lock_timeout', ?, true),
                   pg_advisory_xact_lock_shared('<checkpoints>'::regclass::oid::integer, 0)
            """;

    private static final String END_LOCK = "select set_config('lock_timeout', ?, true)";

    private static final String MOVE = """
            update <checkpoints> set position = ?, epoch = epoch + 1, owner = null, suspect = null, attempts = 0,
                   deaths = 0, retry_at = null, failure = null, updated_at = clock_timestamp()
             where subscription = ?
            """;

    private static final String SEIZE = """
            update <checkpoints> c set epoch = c.epoch + 1, owner = null
              from (select k.subscription, k.partition
                      from <checkpoints> k join <subscriptions> s on s.name = k.subscription and s.paused
                     where k.subscription = ? and k.owner is not null
                     order by k.partition for no key update of k skip locked) free
             where c.subscription = free.subscription and c.partition = free.partition
            """;

    private static final String RESTART = """
            update <checkpoints> set epoch = epoch + 1, owner = null, suspect = null, attempts = 0, deaths = 0, retry_at = null, failure = null
             where subscription = ? and retry_at is not null and not <stale>
            """;

    /** The partition has stopped because of its checkpoint. Written by {@code ClaimedRow.storeStaleCheckpoint}. */
    private static final String STALE = "(retry_at = 'infinity' and suspect = position and attempts = 0)";

    private static final String FIND_STALE = "select partition, position from <checkpoints> where subscription = ? and "
            + STALE + " order by partition limit 1";

    private final String list;
    private final String summaries;
    private final String lock;
    private final String beginLock;
    private final String move;
    private final String seize;
    private final String restart;
    private final String findStale;

    public CheckpointAdmin(TableName name) {
        Statements statements = new Statements(name, false);
        this.list = statements.named(LIST);
        this.summaries = statements.named(SUMMARIES);
        this.lock = statements.named(LOCK);
        this.beginLock = statements.named(BEGIN_LOCK);
        this.move = statements.named(MOVE);
        this.seize = statements.named(SEIZE);
        this.restart = statements.named(RESTART.replace("<stale>", STALE));
        this.findStale = statements.named(FIND_STALE);
    }

    /** Returns the partitions of a subscription. */
    public List<Row> list(Connection connection, String subscription) throws SQLException {
        List<Row> found = new ArrayList<>();
        try (PreparedStatement statement = connection.prepareStatement(list)) {
            statement.setString(1, subscription);
            try (ResultSet rows = statement.executeQuery()) {
                while (rows.next()) {
                    found.add(new Row(
                            rows.getInt(1),
                            rows.getLong(2),
                            rows.getObject(3, Integer.class),
                            rows.getString(4),
                            rows.getObject(5, Long.class),
                            rows.getInt(6),
                            rows.getObject(7) == null ? null : Statements.instant(rows, 7),
                            rows.getBoolean(8),
                            rows.getString(9)));
                }
            }
        }
        return found;
    }

    /** Returns all subscriptions of the table. */
    public List<DurableStatus.Summary> summaries(Connection connection) throws SQLException {
        List<DurableStatus.Summary> found = new ArrayList<>();
        try (PreparedStatement statement = connection.prepareStatement(summaries);
                ResultSet rows = statement.executeQuery()) {
            while (rows.next()) {
                found.add(new DurableStatus.Summary(
                        rows.getString(1),
                        rows.getBoolean(2),
                        rows.getInt(3),
                        rows.getInt(4),
                        rows.getInt(5),
                        Version.of(rows.getLong(6)),
                        rows.getLong(7),
                        rows.getLong(8)));
            }
        }
        return found;
    }

    /**
     * Locks all partitions until the transaction ends, so that no owner can commit. Returns the lowest position. An advisory lock shows other
     * processes that the session belongs to an operator, so they do not end it.
     *
     * @param longest how long it waits for running handler calls
     */
    public long lock(Connection connection, String subscription, Duration longest) throws SQLException {
        String before;
        try (PreparedStatement statement = connection.prepareStatement(beginLock)) {
            statement.setString(1, longest.toMillis() + "ms");
            try (ResultSet rows = statement.executeQuery()) {
                rows.next();
                before = rows.getString(1);
            }
        }
        long lowest = lock(connection, subscription);
        try (PreparedStatement statement = connection.prepareStatement(END_LOCK)) {
            statement.setString(1, before);
            statement.execute();
        }
        return lowest;
    }

    private long lock(Connection connection, String subscription) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(lock)) {
            statement.setString(1, subscription);
            try (ResultSet rows = statement.executeQuery()) {
                rows.next();
                return rows.getLong(1);
            }
        }
    }

    /** Moves all partitions to a position, and takes them from their owners. */
    public void move(Connection connection, String subscription, long position) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(move)) {
            statement.setLong(1, position);
            statement.setString(2, subscription);
            statement.executeUpdate();
        }
    }

    /** Takes the partitions from their owners, except those that are locked by a transaction. */
    public void seize(Connection connection, String subscription) throws SQLException {
        update(connection, seize, subscription);
    }

    /** Lets partitions that have stopped, or wait for the next attempt, start again. */
    public void restart(Connection connection, String subscription) throws SQLException {
        update(connection, restart, subscription);
    }

    /** Returns a partition that has stopped because its checkpoint belongs to another log. */
    public Optional<Stale> stale(Connection connection, String subscription) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(findStale)) {
            statement.setString(1, subscription);
            try (ResultSet rows = statement.executeQuery()) {
                return rows.next() ? Optional.of(new Stale(rows.getInt(1), rows.getLong(2))) : Optional.empty();
            }
        }
    }

    private static void update(Connection connection, String sql, String subscription) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(sql)) {
            statement.setString(1, subscription);
            statement.executeUpdate();
        }
    }

    /**
     * A partition.
     *
     * @param ownerName name of the owner's process; null if there is no owner, or it has ended
     * @param suspect an event that is tried again in place; null if there is none
     * @param stopped whether the partition has stopped
     */
    public record Row(
            int partition,
            long position,
            @Nullable Integer owner,
            @Nullable String ownerName,
            @Nullable Long suspect,
            int attempts,
            @Nullable Instant retryAt,
            boolean stopped,
            @Nullable String failure) {}

    /** A partition whose checkpoint belongs to another log. */
    public record Stale(int partition, long position) {}
}
