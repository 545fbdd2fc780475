package io.synckit.postgres.internal.sql;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/** Queries the server's views for a diagnosis: open writers, and the session that holds the horizon. Never reads events. */
public final class Diagnostics {

    /**
     * Reads the announcements like {@code <table>_horizon} in R__functions.sql. A prepared transaction has no session. It is found by the
     * lock on its own transaction id.
     */
    private static final String ASK = """
            with h as materialized (select * from <horizon>()),
                 l as materialized (select * from pg_locks),
                 announced as materialized (
                     select l.pid, l.virtualtransaction, ((l.classid::bigint & 65535) << 32) | l.objid::bigint as after
                       from l
                      where l.locktype = 'advisory' and l.objsubid = 1 and l.mode = 'ShareLock'
                        and l.classid::bigint >> 16 = <lock class>()
                        and l.database = (select d.oid from pg_database d where d.datname = current_database()))
            select <schema version>(), h.stable, h.settled, h.head, h.doorbell_held, h.isolation, h.standby, <server start>,
                   (select e.created_at from <table> e where e.version = h.stable),
                   clock_timestamp(), (select count(*) from announced), pg_notification_queue_usage(),
                   w.after is not null, w.pid, coalesce(w.application_name, ''), w.usename, w.state, w.seconds, w.gid
              from h left join lateral (
                   select a.after, a.pid, s.application_name, coalesce(s.usename, p.owner) as usename, s.state, p.gid,
                          extract(epoch from clock_timestamp() - coalesce(s.xact_start, p.prepared))::float8 as seconds
                     from announced a
                     left join pg_stat_activity s on s.pid = a.pid
                     left join l own on a.pid is null and own.pid is null and own.locktype = 'transactionid'
                               and own.virtualtransaction = a.virtualtransaction
                     left join pg_prepared_xacts p on p.transaction = own.transactionid
                    where a.after < h.head
                    order by a.after, seconds desc nulls first limit 1) w on true
            """;

    private final String ask;

    public Diagnostics(TableName name) {
        this.ask = new Statements(name, false).named(ASK);
    }

    /** Returns the diagnosis. */
    public Answer ask(Connection connection) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(ask);
                ResultSet rows = statement.executeQuery()) {
            rows.next();
            return new Answer(
                    rows.getInt(1),
                    new Horizon(
                            rows.getLong(2),
                            rows.getLong(3),
                            rows.getLong(4),
                            rows.getBoolean(5),
                            rows.getString(6),
                            rows.getBoolean(7),
                            rows.getLong(8)),
                    rows.getObject(9) == null ? null : Statements.instant(rows, 9),
                    Statements.instant(rows, 10),
                    rows.getInt(11),
                    rows.getDouble(12),
                    rows.getBoolean(13) ? holder(rows) : null);
        }
    }

    private static Holder holder(ResultSet rows) throws SQLException {
        int pid = rows.getInt(14);
        boolean prepared = rows.wasNull();
        double seconds = rows.getDouble(18);
        Duration age = rows.wasNull() ? null : Duration.ofMillis((long) (seconds * 1000));
        return new Holder(
                prepared ? null : pid,
                rows.getString(15),
                rows.getString(16),
                rows.getString(17),
                age,
                rows.getString(19));
    }

    /**
     * A diagnosis.
     *
     * @param writers announced transactions
     * @param holder the transaction that holds the horizon; null if there is none
     */
    public record Answer(
            int schemaVersion,
            Horizon horizon,
            @Nullable Instant latestEventAt,
            Instant now,
            int writers,
            double queueUsage,
            @Nullable Holder holder) {}

    /** A transaction that holds the horizon. The pid is null if it is prepared. State and age are null if the role may not see them. */
    public record Holder(
            @Nullable Integer pid,
            String applicationName,
            @Nullable String user,
            @Nullable String state,
            @Nullable Duration transactionAge,
            @Nullable String preparedAs) {}
}
