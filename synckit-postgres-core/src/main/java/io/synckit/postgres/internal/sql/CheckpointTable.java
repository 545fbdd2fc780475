package io.synckit.postgres.internal.sql;

import io.synckit.postgres.internal.sql.PartitionClaims.Held;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * The checkpoints of durable subscriptions, as their owner changes them. Each change names the claim: its epoch, its owner and the start of
 * the server. It changes nothing if the claim is not valid any more, because another session has claimed, moved or reset the partition, or the
 * server is another one. The epoch alone is not enough. A fail-over can lose a claim, and another process can then get its epoch. It can also
 * lose events that the owner has read. {@link PartitionClaims} begins and ends claims, and {@link CheckpointAdmin} has the changes by operators.
 */
public final class CheckpointTable {

    /** Clears the failure of an event up to the position that is reached, unless the partition has stopped at that event. */
    static final String CLEAR = """
            suspect = case when <done> then null else suspect end, attempts = case when <done> then 0 else attempts end,
                   deaths = case when <done> then 0 else deaths end, retry_at = case when <done> then null else retry_at end,
                   failure = case when <done> then null else failure end""".replace("<done>", "suspect <= v.reached and retry_at is distinct from 'infinity'");

    private static final String ADVANCE = """
            update <checkpoints> set position = ?, suspect = null, attempts = 0, deaths = 0, retry_at = null, failure = null,
                   updated_at = clock_timestamp()
             where <claim> and position >= ? and removals >= ?
            """;

    /** Keeps what is stored about a failing event after the position, unlike {@link #ADVANCE}. */
    private static final String REACH = """
            update <checkpoints> set position = greatest(position, v.reached), updated_at = clock_timestamp(),
                   <clear>
              from (select ?::bigint as reached) v
             where <claim> and position >= ? and removals >= ?
            """.replace("<clear>", CLEAR);

    private static final String REMOVAL = REACH.replace("set position", "set removals = removals + 1, position");

    private static final String FENCE = """
            select position from <checkpoints>
             where <claim> and position >= ? and removals >= ? for no key update
            """;

    private static final String STORED = "select position, removals from <checkpoints> where <claim>";

    /** Waits for a transaction whose commit was under way when its connection was lost. */
    private static final String STORED_AT_LAST = STORED + " for no key update";

    private static final String FLUSH = """
            update <checkpoints> c set position = greatest(c.position, v.reached), updated_at = clock_timestamp(),
                   <clear>
              from (select x.s, x.p, x.epoch, x.owner, x.position as reached
                      from unnest(?::text[], ?::integer[], ?::bigint[], ?::integer[], ?::bigint[], ?::bigint[], ?::bigint[], ?::bigint[])
                           x(s, p, epoch, owner, server, position, stored, removals)
                      join <checkpoints> k on k.subscription = x.s and k.partition = x.p and k.epoch = x.epoch and k.owner = x.owner
                       and x.server = <server start>
                       and k.position >= x.stored and k.removals >= x.removals
                     order by x.s, x.p for no key update of k skip locked) v
             where c.subscription = v.s and c.partition = v.p and c.epoch = v.epoch and c.owner = v.owner
            returning c.subscription, c.partition
            """.replace("<clear>", CLEAR);

    private static final String FAILED = """
            update <checkpoints> set position = greatest(position, ?), deaths = 0, suspect = ?, attempts = ?,
                   failure = ?, updated_at = clock_timestamp(),
                   retry_at = case when ? then 'infinity' else clock_timestamp() + make_interval(secs => ?) end
             where <claim> and position >= ? and removals >= ?
            """;

    /** Clears what is stored about another event. */
    private static final String START = """
            update <checkpoints> set position = greatest(position, ?), suspect = v.version,
                   attempts = case when suspect = v.version then attempts else 0 end,
                   deaths = case when suspect = v.version then deaths + 1 else 1 end,
                   retry_at = case when suspect = v.version then retry_at end,
                   failure = case when suspect = v.version then failure end
              from (select ?::bigint as version) v
             where <claim> and position >= ? and removals >= ?
            returning deaths
            """;

    private static final String UNDO_START = """
            update <checkpoints> set deaths = deaths - 1
             where suspect = ? and deaths > 0 and <claim> and position >= ? and removals >= ?
            """;

    private final Statements statements;
    private final String advance;
    private final String reach;
    private final String fence;
    private final String removal;
    private final String stored;
    private final String storedAtLast;
    private final String flush;
    private final String failed;
    private final String start;
    private final String undoStart;

    /** @param preparedStatements whether the driver may keep server-side prepared statements */
    public CheckpointTable(TableName name, boolean preparedStatements) {
        this.statements = new Statements(name, preparedStatements);
        this.advance = statements.named(ADVANCE);
        this.reach = statements.named(REACH);
        this.fence = statements.named(FENCE);
        this.removal = statements.named(REMOVAL);
        this.stored = statements.named(STORED);
        this.storedAtLast = statements.named(STORED_AT_LAST);
        this.flush = statements.named(FLUSH);
        this.failed = statements.named(FAILED);
        this.start = statements.named(START);
        this.undoStart = statements.named(UNDO_START);
    }

    /**
     * Stores a position, and forgets failures before it. Locks the row until the transaction ends. Returns false if the claim is not valid any more, or the
     * row is behind: then the server has lost commits, in a crash with asynchronous commits or in a fail-over.
     *
     * @param known what the owner knows to be stored
     */
    public boolean advance(Connection connection, Held held, Stored known, long position) throws SQLException {
        return move(connection, advance, held, known, position);
    }

    /** Stores a position, and keeps what is stored about failures. Otherwise as {@link #advance}. */
    public boolean reach(Connection connection, Held held, Stored known, long position) throws SQLException {
        return move(connection, reach, held, known, position);
    }

    /** Stores a position, and that a parked key is removed. Otherwise as {@link #reach}. */
    public boolean storeRemoval(Connection connection, Held held, Stored known, long position) throws SQLException {
        return move(connection, removal, held, known, position);
    }

    private boolean move(Connection connection, String sql, Held held, Stored known, long position)
            throws SQLException {
        try (PreparedStatement statement = statements.prepare(connection, sql)) {
            statement.setLong(1, position);
            known.bind(statement, held.bind(statement, 2));
            return statement.executeUpdate() > 0;
        }
    }

    /** Locks the row until the transaction ends. Returns false if the claim is not valid any more, or the row is behind. See {@link #advance}. */
    public boolean fence(Connection connection, Held held, Stored known) throws SQLException {
        try (PreparedStatement statement = statements.prepare(connection, fence)) {
            known.bind(statement, held.bind(statement, 1));
            try (ResultSet rows = statement.executeQuery()) {
                return rows.next();
            }
        }
    }

    /** Returns what is stored; empty if the claim is not valid any more. */
    public Optional<Stored> stored(Connection connection, Held held) throws SQLException {
        return stored(connection, stored, held);
    }

    /** Waits for a transaction of the owner that locks the row, for example one whose connection was lost. Then it returns what is stored. */
    public Optional<Stored> storedAtLast(Connection connection, Held held) throws SQLException {
        return stored(connection, storedAtLast, held);
    }

    private Optional<Stored> stored(Connection connection, String sql, Held held) throws SQLException {
        try (PreparedStatement statement = statements.prepare(connection, sql)) {
            held.bind(statement, 1);
            try (ResultSet rows = statement.executeQuery()) {
                return rows.next() ? Optional.of(new Stored(rows.getLong(1), rows.getLong(2))) : Optional.empty();
            }
        }
    }

    /** Stores positions of several partitions. Returns those that were stored: neither of a claim that is not valid any more, nor locked. */
    public Set<PartitionId> flush(Connection connection, List<Position> positions) throws SQLException {
        try (PreparedStatement statement = statements.prepare(connection, flush)) {
            Statements.bind(
                    statement,
                    1,
                    positions.stream().map(moved -> moved.held().id()).toList());
            bind(statement, 3, positions, moved -> moved.held().epoch());
            statement.setArray(
                    4,
                    Statements.integers(
                            connection,
                            positions.stream()
                                    .map(moved -> moved.held().owner())
                                    .toList()));
            bind(statement, 5, positions, moved -> moved.held().serverStart());
            bind(statement, 6, positions, Position::position);
            bind(statement, 7, positions, moved -> moved.known().position());
            bind(statement, 8, positions, moved -> moved.known().removals());
            Set<PartitionId> stored = new HashSet<>();
            try (ResultSet rows = statement.executeQuery()) {
                while (rows.next()) {
                    stored.add(new PartitionId(rows.getString(1), rows.getInt(2)));
                }
            }
            return stored;
        }
    }

    private static void bind(
            PreparedStatement statement, int index, List<Position> positions, Function<Position, Long> value)
            throws SQLException {
        statement.setArray(
                index,
                Statements.longs(
                        statement.getConnection(), positions.stream().map(value).toList()));
    }

    /**
     * Stores that an event has failed, and is tried again in place. Returns false if the claim is not valid any more,
     * or the row is behind. See {@link #advance}.
     *
     * @param pause time until the next attempt; null if the partition stops
     */
    public boolean failed(
            Connection connection,
            Held held,
            Stored known,
            long position,
            long version,
            int attempts,
            @Nullable Duration pause,
            String failure)
            throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(failed)) {
            statement.setLong(1, position);
            statement.setLong(2, version);
            statement.setInt(3, attempts);
            statement.setString(4, failure);
            statement.setBoolean(5, pause == null);
            statement.setDouble(6, pause == null ? 0 : Statements.seconds(pause));
            known.bind(statement, held.bind(statement, 7));
            return statement.executeUpdate() > 0;
        }
    }

    /**
     * Stores the position, and that an event is about to be handled. Returns how often it was started; empty if the claim is not valid any more, or the row
     * is behind.
     */
    public OptionalLong start(Connection connection, Held held, Stored known, long position, long version)
            throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(start)) {
            statement.setLong(1, position);
            statement.setLong(2, version);
            known.bind(statement, held.bind(statement, 3));
            try (ResultSet rows = statement.executeQuery()) {
                return rows.next() ? OptionalLong.of(rows.getLong(1)) : OptionalLong.empty();
            }
        }
    }

    /** Stores that an attempt has ended that {@link #start} has counted. */
    public void undoStart(Connection connection, Held held, Stored known, long version) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(undoStart)) {
            statement.setLong(1, version);
            known.bind(statement, held.bind(statement, 2));
            statement.executeUpdate();
        }
    }

    /**
     * What the row of a partition says.
     *
     * @param removals number of parked keys that owners have removed
     */
    public record Stored(long position, long removals) {

        /** Returns whether a row says this or something later. Otherwise the server has lost commits. */
        public boolean isIn(Stored row) {
            return row.position >= position && row.removals >= removals;
        }

        private void bind(PreparedStatement statement, int index) throws SQLException {
            statement.setLong(index, position);
            statement.setLong(index + 1, removals);
        }
    }

    /**
     * A position to be stored.
     *
     * @param known what the owner knows to be stored
     */
    public record Position(Held held, Stored known, long position) {}
}
