package io.synckit.postgres.internal.sql;

import io.synckit.postgres.internal.sql.CheckpointTable.Stored;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The claims of partitions, in the rows of the checkpoints: their begin, their end, and the end of sessions that hold rows locked. */
public final class PartitionClaims {

    /**
     * The update returns the position, because one that was read before may be older. Rows that are locked are left to the next attempt. The
     * lock of the subscription lets a pause wait for claims that began before it.
     */
    private static final String CLAIM = """
            update <checkpoints> c set owner = ?, epoch = c.epoch + 1, after_death = false
              from (select k.subscription, k.partition, k.owner, k.after_death
                      from <checkpoints> k join <subscriptions> s on s.name = k.subscription and not s.paused
                     where (k.subscription, k.partition) in (select * from unnest(?::text[], ?::integer[]))
                       and (k.owner is null or k.owner = any(?))
                     order by 1, 2 for no key update of k skip locked for share of s skip locked) free
             where c.subscription = free.subscription and c.partition = free.partition
            returning c.subscription, c.partition, c.epoch, c.position, c.suspect, c.attempts,
                      extract(epoch from case when isfinite(c.retry_at) then c.retry_at end - clock_timestamp()),
                      c.retry_at = 'infinity',
                      free.owner,
                      c.removals, <server start>, c.failure, free.after_death,
                      (select e.created_at from <table> e where e.version = c.suspect and c.suspect > c.position)
            """;

    /** If a crash lost a claim, its epoch would be used twice. */
    private static final String COMMIT_SYNCHRONOUSLY = "select <commit synchronously>()";

    /** The sessions that hold the rows of owners locked, except those of operators ({@link CheckpointAdmin#lock}). */
    private static final String TERMINATE = """
            select pg_terminate_backend(l.pid) from <checkpoints> c
              join pg_locks l on l.locktype = 'transactionid' and l.transactionid = c.xmax and l.granted
             where (c.subscription, c.partition) in (select * from unnest(?::text[], ?::integer[]))
               and c.owner = any(?) and l.pid <> pg_backend_pid()
               and not exists (select from pg_locks o where o.pid = l.pid and o.locktype = 'advisory' and o.objid = 0
                                  and o.classid = '<checkpoints>'::regclass and o.objsubid = 2)
            """;

    private static final String GIVE_BACK = """
            update <checkpoints> set owner = null, epoch = epoch + 1
             where owner = ? and (subscription, partition) in (select * from unnest(?::text[], ?::integer[]))
            """;

    /** As {@code ClaimedRow.storeStaleCheckpoint} marks a partition. */
    private static final String GIVE_BACK_STALE = """
            update <checkpoints> set owner = null, epoch = epoch + 1, suspect = position, attempts = 0, retry_at = 'infinity',
                   failure = ?, updated_at = clock_timestamp()
             where owner = ? and subscription = ? and partition = ? and position >= ?
            """;

    /** Changes no position that is lower than the one that was stored, because the server has lost commits then. */
    private static final String RELEASE = """
            update <checkpoints> set owner = null, epoch = epoch + 1, after_death = ?,
                   position = greatest(position, <reached>), updated_at = clock_timestamp(),
                   <clear>
              from (select ?::bigint as stored, ?::bigint as held) known
             where <claim>
            """.replace(
                    "<clear>", CheckpointTable.CLEAR.replace("v.reached", "<reached>"))
            .replace("<reached>", "case when position >= stored then held end");

    private final String claim;
    private final String commitSynchronously;
    private final String terminate;
    private final String giveBack;
    private final String giveBackStale;
    private final String release;

    public PartitionClaims(TableName name) {
        Statements statements = new Statements(name, false);
        this.claim = statements.named(CLAIM);
        this.commitSynchronously = statements.named(COMMIT_SYNCHRONOUSLY);
        this.terminate = statements.named(TERMINATE);
        this.giveBack = statements.named(GIVE_BACK);
        this.giveBackStale = statements.named(GIVE_BACK_STALE);
        this.release = statements.named(RELEASE);
    }

    /** Claims partitions without an owner, and those of dead owners. To be called in a transaction. Returns the ones that were claimed. */
    public List<Claim> claim(Connection connection, int me, Collection<PartitionId> wanted, Collection<Integer> dead)
            throws SQLException {
        List<Claim> claims = new ArrayList<>();
        try (Statement statement = connection.createStatement()) {
            statement.execute(commitSynchronously);
        }
        try (PreparedStatement statement = connection.prepareStatement(claim)) {
            statement.setInt(1, me);
            Statements.bind(statement, 2, wanted);
            statement.setArray(4, Statements.integers(connection, dead));
            try (ResultSet rows = statement.executeQuery()) {
                while (rows.next()) {
                    claims.add(claim(me, rows));
                }
            }
        }
        return claims;
    }

    private static Claim claim(int me, ResultSet rows) throws SQLException {
        boolean stopped = rows.getBoolean(8);
        double wait = rows.getDouble(7);
        return new Claim(
                new Held(new PartitionId(rows.getString(1), rows.getInt(2)), rows.getLong(3), me, rows.getLong(11)),
                new Stored(rows.getLong(4), rows.getLong(10)),
                rows.getObject(5, Long.class),
                rows.getInt(6),
                stopped ? Duration.ZERO : Duration.ofMillis((long) (Math.max(wait, 0) * 1000)),
                stopped,
                rows.getObject(9, Integer.class),
                rows.getString(12),
                rows.getBoolean(13),
                rows.getObject(14) == null ? null : Statements.instant(rows, 14));
    }

    /** Ends the sessions that lock rows of these owners: transactions of a process that is paused, whose host is gone, or whose handler hangs. */
    public int terminateLockers(Connection connection, Collection<PartitionId> partitions, Collection<Integer> owners)
            throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(terminate)) {
            Statements.bind(statement, 1, partitions);
            statement.setArray(3, Statements.integers(connection, owners));
            int ended = 0;
            try (ResultSet rows = statement.executeQuery()) {
                while (rows.next()) {
                    ended++;
                }
            }
            return ended;
        }
    }

    /** Gives partitions back that this process owns in the rows, but does not handle. */
    public void giveBack(Connection connection, int me, Collection<PartitionId> partitions) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(giveBack)) {
            statement.setInt(1, me);
            Statements.bind(statement, 2, partitions);
            statement.executeUpdate();
        }
    }

    /**
     * Gives a partition back that this process owns in the row, but does not handle, if its checkpoint is stale. It stops. Returns false if
     * its checkpoint is not stale.
     *
     * @param firstReplaced the first version that belongs to another log
     */
    public boolean giveBackStale(Connection connection, int me, PartitionId id, long firstReplaced, String failure)
            throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(giveBackStale)) {
            statement.setString(1, failure);
            statement.setInt(2, me);
            statement.setString(3, id.subscription());
            statement.setInt(4, id.partition());
            statement.setLong(5, firstReplaced);
            return statement.executeUpdate() > 0;
        }
    }

    /**
     * Stores the position, unless the row is behind what was stored, and gives the partition up.
     *
     * @param afterDeath whether the next owner must expect an event that ends its process
     */
    public void release(Connection connection, Held held, long stored, long position, boolean afterDeath)
            throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(release)) {
            statement.setBoolean(1, afterDeath);
            statement.setLong(2, stored);
            statement.setLong(3, position);
            held.bind(statement, 4);
            statement.executeUpdate();
        }
    }

    /**
     * A claimed partition.
     *
     * @param epoch the epoch of the claim
     * @param owner the instance that made it
     * @param serverStart the server that it was made on, see {@link ServerStart}. On another server it is void
     */
    public record Held(PartitionId id, long epoch, int owner, long serverStart) {

        /** Sets the parameters of {@code <claim>}. Returns the index of the next one. */
        int bind(PreparedStatement statement, int index) throws SQLException {
            statement.setString(index, id.subscription());
            statement.setInt(index + 1, id.partition());
            statement.setLong(index + 2, epoch);
            statement.setInt(index + 3, owner);
            statement.setLong(index + 4, serverStart);
            return index + 5;
        }
    }

    /**
     * A claimed partition.
     *
     * @param stored its position, and how many keys were removed
     * @param suspect an event that failed in place, or that was started after an owner had died; null if there is none
     * @param attempts attempts at that event
     * @param retryIn time until it may be tried again
     * @param stopped whether it must not be tried
     * @param formerOwner the instance that owned it before; null if it was free
     * @param failure why it has stopped or waits; null if it does not
     * @param releasedAfterDeath whether its last owner had taken over from a dead one, and has not handled many events since
     * @param suspectStoredAt when the event was stored at which the partition waits or has stopped; null if there is none
     */
    public record Claim(
            Held held,
            Stored stored,
            @Nullable Long suspect,
            int attempts,
            Duration retryIn,
            boolean stopped,
            @Nullable Integer formerOwner,
            @Nullable String failure,
            boolean releasedAfterDeath,
            @Nullable Instant suspectStoredAt) {

        /** Returns whether the former owner was another process, which has died, perhaps because of an event. */
        public boolean afterDeath() {
            return releasedAfterDeath || formerOwner != null && !isAgain();
        }

        /** Returns whether this process owned it before. */
        public boolean isAgain() {
            return formerOwner != null && formerOwner == held.owner();
        }

        /** Returns the position. */
        public long position() {
            return stored.position();
        }

        /** Returns the partition. */
        public PartitionId id() {
            return held.id();
        }
    }
}
