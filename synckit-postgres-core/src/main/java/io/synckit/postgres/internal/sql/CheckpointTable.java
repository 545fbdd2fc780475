package io.synckit.postgres.internal.sql;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.OptionalLong;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The checkpoints of durable subscriptions, as their owner changes them. Each change names the epoch of the owner's claim, and changes
 * nothing if another session has claimed, moved or reset the partition since. {@link CheckpointAdmin} has the changes by other sessions.
 */
public final class CheckpointTable {

    /** The update returns the position, because one that was read before may be older. Rows that are locked are left to the next attempt. */
    private static final String CLAIM = """
            update <checkpoints> c set owner = ?, epoch = c.epoch + 1
              from (select k.subscription, k.partition, k.owner from <checkpoints> k
                     where (k.subscription, k.partition) in (select * from unnest(?::text[], ?::integer[]))
                       and (k.owner is null or k.owner = any(?))
                       and not exists (select from <subscriptions> s where s.name = k.subscription and s.paused)
                     order by 1, 2 for no key update skip locked) free
             where c.subscription = free.subscription and c.partition = free.partition
            returning c.subscription, c.partition, c.epoch, c.position, c.suspect, c.attempts,
                      extract(epoch from case when isfinite(c.retry_at) then c.retry_at end - clock_timestamp()),
                      c.retry_at = 'infinity',
                      free.owner is not null
            """;

    /** The sessions that hold the rows of dead owners locked. */
    private static final String TERMINATE = """
            select pg_terminate_backend(l.pid) from <checkpoints> c
              join pg_locks l on l.locktype = 'transactionid' and l.transactionid = c.xmax and l.granted
             where (c.subscription, c.partition) in (select * from unnest(?::text[], ?::integer[]))
               and c.owner = any(?) and l.pid <> pg_backend_pid()
            """;

    private static final String ADVANCE = """
            update <checkpoints> set position = ?, suspect = null, attempts = 0, deaths = 0, retry_at = null, failure = null,
                   updated_at = clock_timestamp()
             where subscription = ? and partition = ? and epoch = ? and position >= ?
            """;

    /** Keeps what is stored about a failing event, unlike {@link #ADVANCE}. */
    private static final String REACH = """
            update <checkpoints> set position = greatest(position, ?), updated_at = clock_timestamp()
             where subscription = ? and partition = ? and epoch = ? and position >= ?
            """;

    private static final String FENCE = """
            select position from <checkpoints> where subscription = ? and partition = ? and epoch = ? and position >= ?
               for no key update
            """;

    private static final String POSITION =
            "select position from <checkpoints> where subscription = ? and partition = ? and epoch = ?";

    private static final String FLUSH = """
            update <checkpoints> c set position = greatest(c.position, v.position), updated_at = clock_timestamp()
              from (select x.s, x.p, x.epoch, x.position
                      from unnest(?::text[], ?::integer[], ?::bigint[], ?::bigint[], ?::bigint[]) x(s, p, epoch, position, stored)
                      join <checkpoints> k on k.subscription = x.s and k.partition = x.p and k.epoch = x.epoch
                       and k.position >= x.stored
                     order by x.s, x.p for no key update of k skip locked) v
             where c.subscription = v.s and c.partition = v.p and c.epoch = v.epoch
            returning c.subscription, c.partition
            """;

    private static final String HELD_BY = "select subscription, partition, epoch from <checkpoints> where owner = ?";

    private static final String GIVE_BACK = """
            update <checkpoints> set owner = null, epoch = epoch + 1
             where owner = ? and (subscription, partition) in (select * from unnest(?::text[], ?::integer[]))
            """;

    private static final String RELEASE = """
            update <checkpoints> set owner = null, epoch = epoch + 1,
                   position = case when position >= ? then greatest(position, ?) else position end,
                   updated_at = clock_timestamp()
             where subscription = ? and partition = ? and epoch = ?
            """;

    private static final String FAILED = """
            update <checkpoints> set deaths = case when suspect = ? then deaths else 0 end, suspect = ?, attempts = ?,
                   failure = ?, updated_at = clock_timestamp(),
                   retry_at = case when ? then 'infinity' else clock_timestamp() + make_interval(secs => ?) end
             where subscription = ? and partition = ? and epoch = ?
            """;

    private static final String START = """
            update <checkpoints> set deaths = case when suspect = ? then deaths + 1 else 1 end, suspect = ?,
                   position = greatest(position, ?)
             where subscription = ? and partition = ? and epoch = ? and position >= ?
            returning deaths
            """;

    private final Statements statements;
    private final String claim;
    private final String terminate;
    private final String advance;
    private final String reach;
    private final String fence;
    private final String position;
    private final String flush;
    private final String heldBy;
    private final String giveBack;
    private final String release;
    private final String failed;
    private final String start;

    /** @param preparedStatements whether the driver may keep server-side prepared statements */
    public CheckpointTable(TableName name, boolean preparedStatements) {
        this.statements = new Statements(name, preparedStatements);
        this.claim = statements.named(CLAIM);
        this.terminate = statements.named(TERMINATE);
        this.advance = statements.named(ADVANCE);
        this.reach = statements.named(REACH);
        this.fence = statements.named(FENCE);
        this.position = statements.named(POSITION);
        this.flush = statements.named(FLUSH);
        this.heldBy = statements.named(HELD_BY);
        this.giveBack = statements.named(GIVE_BACK);
        this.release = statements.named(RELEASE);
        this.failed = statements.named(FAILED);
        this.start = statements.named(START);
    }

    /** Claims partitions without an owner, and those of dead owners. Returns the ones that were claimed. */
    public List<Claim> claim(Connection connection, int me, Collection<PartitionId> wanted, Collection<Integer> dead)
            throws SQLException {
        List<Claim> claims = new ArrayList<>();
        try (PreparedStatement statement = connection.prepareStatement(claim)) {
            statement.setInt(1, me);
            bind(statement, 2, wanted);
            statement.setArray(4, Statements.integers(connection, dead));
            try (ResultSet rows = statement.executeQuery()) {
                while (rows.next()) {
                    claims.add(claim(rows));
                }
            }
        }
        return claims;
    }

    private static Claim claim(ResultSet rows) throws SQLException {
        boolean stopped = rows.getBoolean(8);
        double wait = rows.getDouble(7);
        return new Claim(
                new PartitionId(rows.getString(1), rows.getInt(2)),
                rows.getLong(3),
                rows.getLong(4),
                rows.getObject(5, Long.class),
                rows.getInt(6),
                stopped ? Duration.ZERO : Duration.ofMillis((long) (Math.max(wait, 0) * 1000)),
                stopped,
                rows.getBoolean(9));
    }

    /** Ends the sessions that lock rows of dead owners: transactions of a process that is paused, or whose host is gone. */
    public int terminateLockers(Connection connection, Collection<PartitionId> wanted, Collection<Integer> dead)
            throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(terminate)) {
            bind(statement, 1, wanted);
            statement.setArray(3, Statements.integers(connection, dead));
            int ended = 0;
            try (ResultSet rows = statement.executeQuery()) {
                while (rows.next()) {
                    ended++;
                }
            }
            return ended;
        }
    }

    private static void bind(PreparedStatement statement, int index, Collection<PartitionId> partitions)
            throws SQLException {
        Connection connection = statement.getConnection();
        statement.setArray(
                index,
                Statements.texts(
                        connection,
                        partitions.stream().map(PartitionId::subscription).toList()));
        statement.setArray(
                index + 1,
                Statements.integers(
                        connection,
                        partitions.stream().map(PartitionId::partition).toList()));
    }

    /**
     * Stores a position, and forgets failures before it. Locks the row until the transaction ends. Returns false if the epoch is over, or the
     * row is behind: then the server has lost commits, in a crash with asynchronous commits or in a fail-over.
     *
     * @param stored the position that the owner knows to be stored
     */
    public boolean advance(Connection connection, Held held, long stored, long position) throws SQLException {
        return move(connection, advance, held, stored, position);
    }

    /** Stores a position, and keeps what is stored about failures. Otherwise as {@link #advance}. */
    public boolean reach(Connection connection, Held held, long stored, long position) throws SQLException {
        return move(connection, reach, held, stored, position);
    }

    private boolean move(Connection connection, String sql, Held held, long stored, long position) throws SQLException {
        try (PreparedStatement statement = statements.prepare(connection, sql)) {
            statement.setLong(1, position);
            bind(statement, 2, held);
            statement.setLong(5, stored);
            return statement.executeUpdate() > 0;
        }
    }

    /** Locks the row until the transaction ends. Returns false if the epoch is over, or the row is behind. See {@link #advance}. */
    public boolean fence(Connection connection, Held held, long stored) throws SQLException {
        try (PreparedStatement statement = statements.prepare(connection, fence)) {
            bind(statement, 1, held);
            statement.setLong(4, stored);
            try (ResultSet rows = statement.executeQuery()) {
                return rows.next();
            }
        }
    }

    /** Returns the stored position; empty if the epoch is over. */
    public OptionalLong position(Connection connection, Held held) throws SQLException {
        try (PreparedStatement statement = statements.prepare(connection, position)) {
            bind(statement, 1, held);
            try (ResultSet rows = statement.executeQuery()) {
                return rows.next() ? OptionalLong.of(rows.getLong(1)) : OptionalLong.empty();
            }
        }
    }

    private static void bind(PreparedStatement statement, int index, Held held) throws SQLException {
        statement.setString(index, held.id().subscription());
        statement.setInt(index + 1, held.id().partition());
        statement.setLong(index + 2, held.epoch());
    }

    /** Stores positions of several partitions. Returns those that were stored: neither of an epoch that is over, nor locked. */
    public Set<PartitionId> flush(Connection connection, List<Position> positions) throws SQLException {
        try (PreparedStatement statement = statements.prepare(connection, flush)) {
            bind(
                    statement,
                    1,
                    positions.stream().map(moved -> moved.held().id()).toList());
            statement.setArray(
                    3,
                    Statements.longs(
                            connection,
                            positions.stream()
                                    .map(moved -> moved.held().epoch())
                                    .toList()));
            statement.setArray(
                    4,
                    Statements.longs(
                            connection,
                            positions.stream().map(Position::position).toList()));
            statement.setArray(
                    5,
                    Statements.longs(
                            connection, positions.stream().map(Position::stored).toList()));
            Set<PartitionId> stored = new HashSet<>();
            try (ResultSet rows = statement.executeQuery()) {
                while (rows.next()) {
                    stored.add(new PartitionId(rows.getString(1), rows.getInt(2)));
                }
            }
            return stored;
        }
    }

    /** Returns what a process holds. */
    public Set<Held> heldBy(Connection connection, int instance) throws SQLException {
        Set<Held> held = new HashSet<>();
        try (PreparedStatement statement = connection.prepareStatement(heldBy)) {
            statement.setInt(1, instance);
            try (ResultSet rows = statement.executeQuery()) {
                while (rows.next()) {
                    held.add(new Held(new PartitionId(rows.getString(1), rows.getInt(2)), rows.getLong(3)));
                }
            }
        }
        return held;
    }

    /** Gives partitions back that this process owns in the rows, but does not handle. */
    public void giveBack(Connection connection, int me, Collection<PartitionId> partitions) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(giveBack)) {
            statement.setInt(1, me);
            bind(statement, 2, partitions);
            statement.executeUpdate();
        }
    }

    /** Stores the position, unless the row is behind what was stored, and gives the partition up. */
    public void release(Connection connection, Held held, long stored, long position) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(release)) {
            statement.setLong(1, stored);
            statement.setLong(2, position);
            bind(statement, 3, held);
            statement.executeUpdate();
        }
    }

    /**
     * Stores that an event has failed, and is tried again in place. Returns false if the epoch is over.
     *
     * @param pause time until the next attempt; null if the partition stops
     */
    public boolean failed(
            Connection connection, Held held, long version, int attempts, @Nullable Duration pause, String failure)
            throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(failed)) {
            statement.setLong(1, version);
            statement.setLong(2, version);
            statement.setInt(3, attempts);
            statement.setString(4, failure);
            statement.setBoolean(5, pause == null);
            statement.setDouble(6, pause == null ? 0 : Statements.seconds(pause));
            bind(statement, 7, held);
            return statement.executeUpdate() > 0;
        }
    }

    /** Stores the position, and that an event is about to be handled. Returns how often it was started; empty if the epoch is over, or the row is behind. */
    public OptionalLong start(Connection connection, Held held, long stored, long position, long version)
            throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(start)) {
            statement.setLong(1, version);
            statement.setLong(2, version);
            statement.setLong(3, position);
            bind(statement, 4, held);
            statement.setLong(7, stored);
            try (ResultSet rows = statement.executeQuery()) {
                return rows.next() ? OptionalLong.of(rows.getLong(1)) : OptionalLong.empty();
            }
        }
    }

    /** A partition and the epoch of its claim. */
    public record Held(PartitionId id, long epoch) {}

    /**
     * A position to be stored.
     *
     * @param stored the position that the owner knows to be stored
     */
    public record Position(Held held, long stored, long position) {}

    /**
     * A claimed partition.
     *
     * @param suspect an event that failed in place, or that was started after an owner had died; null if there is none
     * @param attempts attempts at that event
     * @param retryIn time until it may be tried again
     * @param stopped whether it must not be tried
     * @param fromDead whether the former owner has died
     */
    public record Claim(
            PartitionId id,
            long epoch,
            long position,
            @Nullable Long suspect,
            int attempts,
            Duration retryIn,
            boolean stopped,
            boolean fromDead) {

        /** Returns the partition and its epoch. */
        public Held held() {
            return new Held(id, epoch);
        }
    }
}
