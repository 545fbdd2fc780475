package io.synckit.postgres.internal.sql;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What PostgreSQL's catalog says about the server and the events table. */
public final class Catalog {

    /** The highest version that an announcement can carry: below the key of the doorbell lock, the largest number of 48 bits. */
    public static final long HIGHEST_VERSION = 281474976710654L;

    private static final String SERVER = """
            select current_setting('server_version_num')::integer, current_setting('server_version'),
                   pg_encoding_to_char(d.encoding),
                   exists (select from pg_class t join pg_namespace n on n.oid = t.relnamespace
                            where n.nspname = ? and t.relname = ?)
              from pg_database d where d.datname = current_database()
            """;

    // tgtype, as in PostgreSQL's pg_trigger.h: 31 is BEFORE INSERT, UPDATE or DELETE for each row, 58 is BEFORE UPDATE,
    // DELETE or TRUNCATE, 5 is AFTER INSERT for each row. Keys are known by their columns, since maintenance may rename
    // them.
    private static final String TABLE = """
            with n as (select ?::text as name, ?::text as sequence, ?::text as version_function, ?::text as tables)
            select coalesce((select a.attidentity = 'a' from pg_attribute a
                              where a.attrelid = t.oid and a.attname = 'version'), false),
                   coalesce((select s.seqcache = 1 and s.seqincrement = 1 and not s.seqcycle from pg_sequence s
                              where s.seqrelid = to_regclass(n.sequence)), false),
                   coalesce((select s.seqmax from pg_sequence s where s.seqrelid = to_regclass(n.sequence)), 0),
                   (select count(*) from pg_trigger g join pg_proc p on p.oid = g.tgfoid
                     where g.tgrelid = t.oid and g.tgenabled = 'A' and p.proname = g.tgname
                       and (g.tgname = n.name || '_admit' and g.tgtype = 31 and g.tgqual is null
                            or g.tgname = n.name || '_protect' and g.tgtype = 58
                                and pg_get_triggerdef(g.oid) like '%WHEN (%synckit.maintenance%')) = 2,
                   (select count(distinct k.columns) from (
                       select (select string_agg(a.attname, ',' order by c.n)
                                 from unnest(i.indkey::smallint[]) with ordinality c(number, n)
                                 join pg_attribute a on a.attrelid = i.indrelid and a.attnum = c.number
                                where c.n <= i.indnkeyatts) as columns
                         from pg_index i where i.indrelid = t.oid and i.indisunique and i.indisvalid
                          and i.indimmediate and i.indpred is null and i.indexprs is null) k
                     where k.columns in ('version', 'id', 'aggregate_id,stream_version')) = 3,
                   to_regprocedure(n.version_function || '()') is not null,
                   has_table_privilege(t.oid, 'SELECT'),
                   has_table_privilege(t.oid, 'INSERT'),
                   coalesce(has_sequence_privilege(to_regclass(n.sequence)::oid, 'SELECT'), false),
                   coalesce((select bool_and(has_function_privilege(p.oid, 'EXECUTE')) from pg_proc p
                              where p.pronamespace = t.relnamespace and left(p.proname, length(n.name) + 1) = n.name || '_'), true),
                   t.relkind = 'r' and t.relpersistence = 'p' and not t.relrowsecurity
                       and not exists (select from pg_rewrite r where r.ev_class = t.oid)
                       and not exists (select from pg_inherits h where t.oid in (h.inhrelid, h.inhparent)),
                   coalesce(current_setting('synckit.maintenance', true), '') <> 'on',
                   exists (select from pg_trigger g where g.tgrelid = t.oid and g.tgname = n.name || '_notify'),
                   exists (select from pg_trigger g where g.tgrelid = t.oid and g.tgname = n.name || '_each_event'),
                   not exists (select from pg_trigger g join pg_proc p on p.oid = g.tgfoid
                     where g.tgrelid = t.oid and g.tgname in (n.name || '_notify', n.name || '_each_event')
                       and not (g.tgenabled = 'A' and g.tgtype = 5 and g.tgqual is null
                           and (g.tgname = n.name || '_notify' and p.proname = n.name || '_notify_once' and g.tginitdeferred
                                or g.tgname = n.name || '_each_event' and p.proname = n.name || '_notify_each'))),
                   coalesce((select substring(p.prosrc from 'from ("[^"]*"\\."[^"]*") e where e.version <= settled') from pg_proc p
                              where p.pronamespace = t.relnamespace and p.proname = n.name || '_horizon'), ''),
                   current_user,
                   current_setting('synchronous_commit'), current_setting('fsync'),
                   coalesce(current_setting('synckit.asynchronous_commit', true), '') = 'on'
              from pg_class t, n where t.oid = to_regclass(n.tables)
            """;

    private static final String SEQUENCE_IS_AHEAD = """
            select coalesce((select max(e.version) from <table> e), 0)
                   <= (select s.last_value - (not s.is_called)::integer from <sequence> s)
            """;

    private static final String LAST_VALUE = "select s.last_value from <sequence> s";

    /** No other event table of the database has the same lock class. Without a table there is none. */
    private static final String OWN_LOCK_CLASS = """
            select not exists (
                select from pg_proc p, pg_proc other
                 where p.oid = to_regprocedure(?) and other.oid <> p.oid
                   and other.proname like '%\\_lock\\_class' and other.pronargs = 0 and other.prosrc = p.prosrc)
            """;

    private static final String CHOOSE_LOCK_CLASS = "select <choose lock class>()";

    private static final String LOCK_HOLDERS = """
            select format('pid %s (application ''%s'', user %s, %s, transaction open for %s s)', l.pid,
                          coalesce(a.application_name, ''), coalesce(a.usename, 'unknown'), coalesce(a.state, 'state unknown'),
                          coalesce(extract(epoch from clock_timestamp() - a.xact_start)::bigint::text, '?'))
              from pg_locks l left join pg_stat_activity a on a.pid = l.pid
             where l.locktype = 'relation' and l.relation = to_regclass(?) and l.granted and l.pid <> pg_backend_pid()
               and l.database = (select d.oid from pg_database d where d.datname = current_database())
             group by l.pid, a.application_name, a.usename, a.state, a.xact_start
             order by a.xact_start limit 3
            """;

    private static final String FINGERPRINT = "select obj_description(to_regprocedure(?), 'pg_proc')";

    private static final String STORE_FINGERPRINT = "comment on function <schema version>() is ";

    private static final String HAS_SCHEMA_VERSION = "select to_regprocedure(?) is not null";

    private static final String SCHEMA_VERSION = "select <schema version>()";

    private final TableName name;
    private final Statements statements;

    public Catalog(TableName name) {
        this.name = name;
        this.statements = new Statements(name, false);
    }

    /** The server. Needs no privilege on the table. */
    public Server server(Connection connection) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(SERVER)) {
            statement.setString(1, name.schema());
            statement.setString(2, name.table());
            try (ResultSet rows = statement.executeQuery()) {
                rows.next();
                return new Server(rows.getInt(1), rows.getString(2), rows.getString(3), rows.getBoolean(4));
            }
        }
    }

    /** The fingerprint of the scripts that made the schema, if it is stored. */
    public @Nullable String fingerprint(Connection connection) throws SQLException {
        return text(connection, FINGERPRINT, function("_schema_version"));
    }

    /** @param fingerprint letters, digits and spaces */
    public void storeFingerprint(Connection connection, String fingerprint) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute(statements.named(STORE_FINGERPRINT) + "'" + fingerprint + "'");
        }
    }

    /** Whether no other event table of the database uses the lock class of this one. */
    public boolean hasOwnLockClass(Connection connection) throws SQLException {
        return "t".equals(text(connection, OWN_LOCK_CLASS, function("_lock_class")));
    }

    /** Chooses another lock class if another event table of the database uses this one. */
    public void chooseLockClass(Connection connection) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute(statements.named(CHOOSE_LOCK_CLASS));
        }
    }

    /** The sessions that have locked the table for the longest time, each in a few words. */
    public List<String> lockHolders(Connection connection) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(LOCK_HOLDERS)) {
            statement.setString(1, name.quoted());
            List<String> holders = new ArrayList<>();
            try (ResultSet rows = statement.executeQuery()) {
                while (rows.next()) {
                    holders.add(rows.getString(1));
                }
            }
            return Collections.unmodifiableList(holders);
        }
    }

    /** The table, which must exist. */
    public Table table(Connection connection) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(TABLE)) {
            statement.setString(1, name.table());
            statement.setString(2, name.member("_version_seq"));
            statement.setString(3, name.member("_schema_version"));
            statement.setString(4, name.quoted());
            try (ResultSet rows = statement.executeQuery()) {
                rows.next();
                boolean ours = rows.getBoolean(6);
                boolean readsTable = rows.getBoolean(7);
                boolean readsSequence = rows.getBoolean(9);
                boolean readable = ours && readsTable && readsSequence;
                return new Table(
                        rows.getBoolean(1),
                        rows.getBoolean(2),
                        rows.getLong(3) <= HIGHEST_VERSION,
                        rows.getBoolean(4),
                        rows.getBoolean(5),
                        schemaVersion(connection),
                        new Privileges(
                                rows.getString(17), readsTable, rows.getBoolean(8), readsSequence, rows.getBoolean(10)),
                        rows.getBoolean(11),
                        rows.getBoolean(12),
                        !readable || isTrue(connection, SEQUENCE_IS_AHEAD),
                        !readable || lastValue(connection) <= HIGHEST_VERSION,
                        rows.getBoolean(13),
                        rows.getBoolean(14),
                        rows.getBoolean(15),
                        rows.getString(16),
                        !ours || hasOwnLockClass(connection),
                        rows.getString(18),
                        rows.getString(19),
                        rows.getBoolean(20));
            }
        }
    }

    /** The schema's version; 0 if the table is not this library's, or does not exist. */
    public int schemaVersion(Connection connection) throws SQLException {
        if (!"t".equals(text(connection, HAS_SCHEMA_VERSION, function("_schema_version")))) {
            return 0;
        }
        try (Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery(statements.named(SCHEMA_VERSION))) {
            rows.next();
            return rows.getInt(1);
        }
    }

    private long lastValue(Connection connection) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery(statements.named(LAST_VALUE))) {
            rows.next();
            return rows.getLong(1);
        }
    }

    private boolean isTrue(Connection connection, String sql) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery(statements.named(sql))) {
            rows.next();
            return rows.getBoolean(1);
        }
    }

    private String function(String suffix) {
        return name.member(suffix) + "()";
    }

    private static @Nullable String text(Connection connection, String sql, String parameter) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(sql)) {
            statement.setString(1, parameter);
            try (ResultSet rows = statement.executeQuery()) {
                rows.next();
                return rows.getString(1);
            }
        }
    }

    /** The server and its database. */
    public record Server(int versionNumber, String version, String encoding, boolean hasTable) {}

    /** What the current role may do. */
    public record Privileges(
            String role,
            boolean readsTable,
            boolean insertsIntoTable,
            boolean readsSequence,
            boolean executesFunctions) {}

    /**
     * What the fence and the protection need.
     *
     * @param schemaVersion 0 if the table is not this library's
     * @param functionsReadFrom the table that the functions name, quoted with its schema
     */
    public record Table(
            boolean generatedAlways,
            boolean plainSequence,
            boolean boundedSequence,
            boolean triggersAlways,
            boolean uniqueKeys,
            int schemaVersion,
            Privileges privileges,
            boolean plainTable,
            boolean noMaintenance,
            boolean sequenceAhead,
            boolean sequenceInBounds,
            boolean coalesced,
            boolean eachEvent,
            boolean notifiesAlways,
            String functionsReadFrom,
            boolean ownLockClass,
            String synchronousCommit,
            String fsync,
            boolean asynchronousCommitAllowed) {}
}
