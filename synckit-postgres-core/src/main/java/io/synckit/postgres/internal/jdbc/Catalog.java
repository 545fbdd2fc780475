package io.synckit.postgres.internal.jdbc;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import org.jspecify.annotations.Nullable;

/** What PostgreSQL's catalog says about the server and the events table. */
public final class Catalog {

    private static final String SERVER = """
            select current_setting('server_version_num')::integer, current_setting('server_version'),
                   pg_encoding_to_char(d.encoding), to_regclass(?) is not null
              from pg_database d where d.datname = current_database()
            """;

    // tgtype, as in PostgreSQL's pg_trigger.h: 23 is BEFORE INSERT or UPDATE for each row, 58 BEFORE UPDATE, DELETE or
    // TRUNCATE,
    // 5 AFTER INSERT for each row.
    private static final String TABLE = """
            select coalesce((select a.attidentity = 'a' from pg_attribute a
                              where a.attrelid = t.oid and a.attname = 'version'), false),
                   coalesce((select s.seqcache = 1 and s.seqincrement = 1 and not s.seqcycle from pg_sequence s
                              where s.seqrelid = to_regclass(?)), false),
                   (select count(*) from pg_trigger g join pg_proc p on p.oid = g.tgfoid
                     where g.tgrelid = t.oid and g.tgenabled = 'A' and p.proname = g.tgname
                       and (g.tgname = ? || '_admit' and g.tgtype = 23 and g.tgqual is null
                            or g.tgname = ? || '_protect' and g.tgtype = 58
                                and pg_get_triggerdef(g.oid) like '%WHEN (%synckit.maintenance%')),
                   (select count(*) from pg_index i where i.indrelid = t.oid and i.indisunique and i.indisvalid
                       and i.indimmediate and i.indpred is null and i.indexprs is null
                       and i.indexrelid in (to_regclass(?), to_regclass(?), to_regclass(?))),
                   to_regprocedure(? || '()') is not null,
                   has_table_privilege(t.oid, 'SELECT'),
                   coalesce(has_sequence_privilege(to_regclass(?)::oid, 'SELECT'), false),
                   t.relkind = 'r' and t.relpersistence = 'p' and not t.relrowsecurity and not t.relhasrules
                       and not exists (select from pg_inherits h where t.oid in (h.inhrelid, h.inhparent)),
                   coalesce(current_setting('synckit.maintenance', true), '') <> 'on',
                   exists (select from pg_trigger g where g.tgrelid = t.oid and g.tgname = ? || '_bell'),
                   exists (select from pg_trigger g where g.tgrelid = t.oid and g.tgname = ? || '_each_event'),
                   not exists (select from pg_trigger g join pg_proc p on p.oid = g.tgfoid
                     where g.tgrelid = t.oid and g.tgname in (? || '_bell', ? || '_each_event')
                       and not (g.tgenabled = 'A' and g.tgtype = 5 and g.tgqual is null
                           and (g.tgname = ? || '_bell' and p.proname = ? || '_ring' and g.tginitdeferred
                                or g.tgname = ? || '_each_event' and p.proname = ? || '_notify_each')))
              from pg_class t where t.oid = to_regclass(?)
            """;

    private static final String SEQUENCE_IS_AHEAD = """
            select coalesce((select max(e.version) from <table> e), 0)
                   <= (select case when s.is_called then s.last_value else 0 end from <sequence> s)
            """;

    private static final String MAKER = "select obj_description(to_regprocedure(?), 'pg_proc')";

    private static final String REMEMBER_MAKER = "comment on function <schema version>() is ";

    private static final String SCHEMA_VERSION = "select <schema version>()";

    private final TableName name;

    public Catalog(TableName name) {
        this.name = name;
    }

    /** The server; needs no right on the table. */
    public Server server(Connection connection) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(SERVER)) {
            statement.setString(1, name.quoted());
            try (ResultSet rows = statement.executeQuery()) {
                rows.next();
                return new Server(rows.getInt(1), rows.getString(2), rows.getString(3), rows.getBoolean(4));
            }
        }
    }

    /** What has made the schema, if it says so. */
    public @Nullable String maker(Connection connection) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(MAKER)) {
            statement.setString(1, name.member("_schema_version") + "()");
            try (ResultSet rows = statement.executeQuery()) {
                rows.next();
                return rows.getString(1);
            }
        }
    }

    /** @param maker letters, digits and spaces */
    public void rememberMaker(Connection connection, String maker) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute(new Statements(name, false).named(REMEMBER_MAKER) + "'" + maker + "'");
        }
    }

    /** The table, which must be there. */
    public Table table(Connection connection) throws SQLException {
        String sequence = name.member("_version_seq");
        String[] parameters = {
            sequence,
            name.table(),
            name.table(),
            name.member("_pkey"),
            name.member("_id_key"),
            name.member("_stream_key"),
            name.member("_schema_version"),
            sequence,
            name.table(),
            name.table(),
            name.table(),
            name.table(),
            name.table(),
            name.table(),
            name.table(),
            name.table(),
            name.quoted()
        };
        try (PreparedStatement statement = connection.prepareStatement(TABLE)) {
            for (int i = 0; i < parameters.length; i++) {
                statement.setString(i + 1, parameters[i]);
            }
            try (ResultSet rows = statement.executeQuery()) {
                rows.next();
                boolean ours = rows.getBoolean(5);
                boolean readable = rows.getBoolean(6) && rows.getBoolean(7);
                return new Table(
                        rows.getBoolean(1),
                        rows.getBoolean(2),
                        rows.getInt(3) == 2,
                        rows.getInt(4) == 3,
                        ours ? schemaVersion(connection) : 0,
                        readable,
                        rows.getBoolean(8),
                        rows.getBoolean(9),
                        !ours || !readable || sequenceIsAhead(connection),
                        rows.getBoolean(10),
                        rows.getBoolean(11),
                        rows.getBoolean(12));
            }
        }
    }

    private boolean sequenceIsAhead(Connection connection) throws SQLException {
        String sql =
                SEQUENCE_IS_AHEAD.replace("<table>", name.quoted()).replace("<sequence>", name.member("_version_seq"));
        try (PreparedStatement statement = connection.prepareStatement(sql);
                ResultSet rows = statement.executeQuery()) {
            rows.next();
            return rows.getBoolean(1);
        }
    }

    private int schemaVersion(Connection connection) throws SQLException {
        String sql = SCHEMA_VERSION.replace("<schema version>", name.member("_schema_version"));
        try (PreparedStatement statement = connection.prepareStatement(sql);
                ResultSet rows = statement.executeQuery()) {
            rows.next();
            return rows.getInt(1);
        }
    }

    /** The server and its database. */
    public record Server(int versionNumber, String version, String encoding, boolean hasTable) {}

    /** What the fence and the protection need; schema version 0 if the table is not of this library. */
    public record Table(
            boolean generatedAlways,
            boolean plainSequence,
            boolean triggersAlways,
            boolean uniqueKeys,
            int schemaVersion,
            boolean mayRead,
            boolean plainTable,
            boolean noMaintenance,
            boolean sequenceAhead,
            boolean bell,
            boolean eachEvent,
            boolean notifiesAlways) {}
}
