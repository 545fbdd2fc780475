package io.synckit.postgres.internal.sql;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * The table of the processes that run durable subscriptions. A process is alive while a session of it holds the advisory lock of its row.
 */
public final class InstanceTable {

    private static final String NEXT_ID = "select nextval(pg_get_serial_sequence(?, 'id'))::integer";

    private static final String LOCK = "select pg_try_advisory_lock(?::regclass::oid::integer, ?)";

    private static final String UNLOCK = "select pg_advisory_unlock(?::regclass::oid::integer, ?)";

    private static final String LOCK_IN_TRANSACTION = "select pg_try_advisory_xact_lock(?::regclass::oid::integer, ?)";

    private static final String INSERT =
            "insert into <instances> (id, subscriptions, name) overriding system value values (?, ?, ?)";

    private static final String UPDATE = "update <instances> set subscriptions = ? where id = ?";

    private static final String DELETE = "delete from <instances> where id = ?";

    /** A process that is locked again since it was seen as dead is not deleted. */
    private static final String DELETE_DEAD = """
            delete from <instances> i where i.id = any(?) and pg_try_advisory_xact_lock_shared(?::regclass::oid::integer, i.id)
            """;

    /**
     * One statement, so that owners and instances are of one snapshot: an owner that has no row is dead. The shared locks end with the
     * statement.
     */
    private static final String VIEW = """
            select i.id, i.subscriptions,
                   case when i.id = ? then false
                        else pg_try_advisory_xact_lock_shared(?::regclass::oid::integer, i.id) end,
                   null::text, null::integer, null::integer, null::boolean, null::bigint
              from <instances> i
             union all
            select null, null, null, c.subscription, c.partition, c.owner, s.paused,
                   case when c.retry_at = 'infinity' then null else c.position end
              from <checkpoints> c join <subscriptions> s on s.name = c.subscription
             union all
            select null, null, null, p.subscription, null, null, bool_or(p.command is not null), null
              from <parked> p where p.command is not null or p.retry_at is not null group by p.subscription
            """;

    private final String tableName;
    private final String insert;
    private final String update;
    private final String delete;
    private final String deleteDead;
    private final String view;

    public InstanceTable(TableName name) {
        Statements statements = new Statements(name, false);
        this.tableName = name.member("_instances");
        this.insert = statements.named(INSERT);
        this.update = statements.named(UPDATE);
        this.delete = statements.named(DELETE);
        this.deleteDead = statements.named(DELETE_DEAD);
        this.view = statements.named(VIEW);
    }

    /** Draws an id. No id is used again. */
    public int nextId(Connection connection) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(NEXT_ID)) {
            statement.setString(1, tableName);
            try (ResultSet rows = statement.executeQuery()) {
                rows.next();
                return rows.getInt(1);
            }
        }
    }

    /** Locks an id for the session of this connection. Returns false if another session has locked it. */
    public boolean lock(Connection connection, int id) throws SQLException {
        return lock(connection, LOCK, id);
    }

    /** Unlocks an id that the session of this connection has locked. */
    public void unlock(Connection connection, int id) throws SQLException {
        lock(connection, UNLOCK, id);
    }

    /** Locks an id for the open transaction of this connection. Returns false if another session has locked it. */
    public boolean lockInTransaction(Connection connection, int id) throws SQLException {
        return lock(connection, LOCK_IN_TRANSACTION, id);
    }

    private boolean lock(Connection connection, String sql, int id) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(sql)) {
            statement.setString(1, tableName);
            statement.setInt(2, id);
            try (ResultSet rows = statement.executeQuery()) {
                rows.next();
                return rows.getBoolean(1);
            }
        }
    }

    /**
     * Lets the server end the session if it hears nothing of this process for longer: because the process is paused, or its host is gone.
     */
    public static void limitSilence(Connection connection, Duration limit) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute("set idle_session_timeout = " + limit.toMillis());
            statement.execute("set tcp_keepalives_idle = 5");
            statement.execute("set tcp_keepalives_interval = 3");
            statement.execute("set tcp_keepalives_count = 3");
            statement.execute("set tcp_user_timeout = 15000");
        }
    }

    /** The same for the open transaction. */
    public static void limitSilenceInTransaction(Connection connection, Duration limit) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute("set local idle_in_transaction_session_timeout = " + limit.toMillis());
            statement.execute("set local tcp_keepalives_idle = 5");
            statement.execute("set local tcp_keepalives_interval = 3");
            statement.execute("set local tcp_keepalives_count = 3");
            statement.execute("set local tcp_user_timeout = 15000");
        }
    }

    /** Inserts a row. Its id must be locked. */
    public void insert(Connection connection, int id, Collection<String> subscriptions, String processName)
            throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(insert)) {
            statement.setInt(1, id);
            statement.setArray(2, Statements.texts(connection, subscriptions));
            statement.setString(3, processName);
            statement.executeUpdate();
        }
    }

    /** Stores which subscriptions the process can run. Returns false if the row is gone. */
    public boolean update(Connection connection, int id, Collection<String> subscriptions) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(update)) {
            statement.setArray(1, Statements.texts(connection, subscriptions));
            statement.setInt(2, id);
            return statement.executeUpdate() > 0;
        }
    }

    /** Deletes the row of this process, which ends. */
    public void delete(Connection connection, int me) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(delete)) {
            statement.setInt(1, me);
            statement.executeUpdate();
        }
    }

    /** Deletes the rows of those processes that are dead. Returns whether there are any. */
    public boolean deleteDead(Connection connection, Collection<Integer> ids) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(deleteDead)) {
            statement.setArray(1, Statements.integers(connection, ids));
            statement.setString(2, tableName);
            return statement.executeUpdate() > 0;
        }
    }

    /**
     * Returns all processes and partitions, and which keys wait for a command or an attempt. To be called outside a transaction.
     *
     * @param me the id of this process, whose lock is not tried
     */
    public View view(Connection connection, int me) throws SQLException {
        List<Instance> instances = new ArrayList<>();
        List<Partition> partitions = new ArrayList<>();
        List<String> withCommands = new ArrayList<>();
        boolean keysWait = false;
        try (PreparedStatement statement = connection.prepareStatement(view)) {
            statement.setInt(1, me);
            statement.setString(2, tableName);
            try (ResultSet rows = statement.executeQuery()) {
                while (rows.next()) {
                    String subscription = rows.getString(4);
                    Integer partition = rows.getObject(5, Integer.class);
                    if (subscription != null && partition == null) {
                        keysWait = true;
                        if (rows.getBoolean(7)) {
                            withCommands.add(subscription);
                        }
                    } else if (subscription == null || partition == null) {
                        String[] names = (String[]) rows.getArray(2).getArray();
                        instances.add(
                                new Instance(rows.getInt(1), new TreeSet<>(Arrays.asList(names)), rows.getBoolean(3)));
                    } else {
                        partitions.add(new Partition(
                                new PartitionId(subscription, partition),
                                rows.getObject(6, Integer.class),
                                rows.getBoolean(7),
                                rows.getObject(8, Long.class)));
                    }
                }
            }
        }
        return new View(instances, partitions, withCommands, keysWait);
    }

    /** A process. */
    public record Instance(int id, Set<String> subscriptions, boolean dead) {}

    /**
     * A partition.
     *
     * @param owner the id of its owner; null if there is none
     * @param position its position; null if it has stopped
     */
    public record Partition(
            PartitionId id,
            @Nullable Integer owner,
            boolean paused,
            @Nullable Long position) {

        /** Returns whether all events up to a version are handled or wait with their keys, or the partition has stopped. */
        public boolean hasReached(long version) {
            return position == null || position >= version;
        }
    }

    /**
     * All processes and partitions at one moment.
     *
     * @param withCommands subscriptions of which a parked key has a command
     * @param keysWait whether a key of any subscription waits for a command or an attempt
     */
    public record View(
            List<Instance> instances, List<Partition> partitions, List<String> withCommands, boolean keysWait) {}
}
