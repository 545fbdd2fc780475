package io.synckit.postgres.internal.durable;

import io.synckit.ConnectionSource;
import io.synckit.postgres.internal.runtime.Watchdog;
import io.synckit.postgres.internal.sql.CheckpointAdmin;
import io.synckit.postgres.internal.sql.CheckpointTable;
import io.synckit.postgres.internal.sql.ControlChannel;
import io.synckit.postgres.internal.sql.DurablePrivileges;
import io.synckit.postgres.internal.sql.HorizonQueries;
import io.synckit.postgres.internal.sql.InstanceTable;
import io.synckit.postgres.internal.sql.ParkedAdmin;
import io.synckit.postgres.internal.sql.ParkedTable;
import io.synckit.postgres.internal.sql.PartitionClaims;
import io.synckit.postgres.internal.sql.Session;
import io.synckit.postgres.internal.sql.SqlFailure;
import io.synckit.postgres.internal.sql.SqlFunction;
import io.synckit.postgres.internal.sql.SubscriptionTable;
import io.synckit.postgres.internal.sql.TableName;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;

/** The tables of durable subscriptions, and the connections to them. Thread-safe. */
public final class Database {

    final InstanceTable instances;
    final SubscriptionTable subscriptions;
    final CheckpointTable checkpoints;
    final PartitionClaims claims;
    final CheckpointAdmin admin;
    final ParkedTable parked;
    final ParkedAdmin parkedAdmin;
    final ControlChannel control;
    final HorizonQueries horizons;
    final ConnectionSource pool;
    private final TableName name;
    private final Watchdog watchdog;

    /** @param preparedStatements whether the driver may keep server-side prepared statements */
    public Database(
            TableName name,
            ConnectionSource pool,
            HorizonQueries horizons,
            Watchdog watchdog,
            boolean preparedStatements) {
        this.name = name;
        this.pool = pool;
        this.horizons = horizons;
        this.watchdog = watchdog;
        this.instances = new InstanceTable(name);
        this.subscriptions = new SubscriptionTable(name);
        this.checkpoints = new CheckpointTable(name, preparedStatements);
        this.claims = new PartitionClaims(name);
        this.admin = new CheckpointAdmin(name);
        this.parked = new ParkedTable(name);
        this.parkedAdmin = new ParkedAdmin(name);
        this.control = new ControlChannel(name);
    }

    /** Runs statements, each in a transaction of its own. */
    <R> R query(SqlFunction<Connection, R> work) {
        try (Session session = Session.openAlone(pool)) {
            return watchdog.watch(session.connection(), () -> work.apply(session.connection()));
        } catch (SQLException e) {
            throw SqlFailure.named("durable subscription of " + name, e);
        }
    }

    /** Uses a connection that is borrowed for longer. */
    <R> R watched(Connection connection, SqlFunction<Connection, R> work) throws SQLException {
        return watchdog.watch(connection, () -> work.apply(connection));
    }

    /** Runs statements in one transaction, at READ COMMITTED. */
    <R> R transaction(SqlFunction<Connection, R> work) {
        try (Session session = Session.openAlone(pool)) {
            return watchdog.watch(
                    session.connection(),
                    () -> session.atomically(connection -> {
                        session.readCommitted();
                        return work.apply(connection);
                    }));
        } catch (SQLException e) {
            throw SqlFailure.named("durable subscription of " + name, e);
        }
    }

    /** Runs statements in one transaction, at READ COMMITTED. They wait for locks of others at most for {@code longest}, and then fail with 55P03. */
    <R> R patientTransaction(Duration longest, SqlFunction<Connection, R> work) {
        try (Session session = Session.openAlone(pool)) {
            return session.atomically(connection -> {
                session.readCommitted();
                try (PreparedStatement statement =
                        connection.prepareStatement("select set_config('lock_timeout', ?, true)")) {
                    statement.setString(1, longest.toMillis() + "ms");
                    statement.execute();
                }
                return work.apply(connection);
            });
        } catch (SQLException e) {
            throw SqlFailure.named("durable subscription of " + name, e);
        }
    }

    /** Returns the statements that grant what the role lacks. */
    List<String> missingGrants(Connection connection) throws SQLException {
        return DurablePrivileges.missingGrants(connection, name);
    }

    /** Sends a signal to all processes. */
    void send(String signal) {
        query(connection -> {
            control.send(connection, signal);
            return true;
        });
    }

    /** Returns the name of the events table. */
    @Override
    public String toString() {
        return name.toString();
    }
}
