package io.synckit.postgres.schema;

import io.synckit.InvalidConnectionException;
import io.synckit.SchemaException;
import io.synckit.postgres.internal.sql.Catalog;
import io.synckit.postgres.internal.sql.SqlFailure;
import io.synckit.postgres.internal.sql.TableName;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import javax.sql.DataSource;

/**
 * The result of the start check. Each problem would break a guarantee of the store.
 *
 * @param version of the schema in the database; 0 if there is none
 * @param notifyMode what the table's triggers do
 * @param problems what is wrong, each with its remedy; empty if the store can work
 * @param missingGrants the statements that give the role what it lacks; empty if it lacks nothing
 * @param warnings settings of the server that weaken durability, and what the role may not do
 */
public record SchemaStatus(
        int version, NotifyMode notifyMode, List<String> problems, List<String> missingGrants, List<String> warnings) {

    /** The version that this library works with. */
    public static final int CURRENT_VERSION = 3;

    static final int OLDEST_SERVER = 140000;

    public SchemaStatus {
        problems = List.copyOf(problems);
        missingGrants = List.copyOf(missingGrants);
        warnings = List.copyOf(warnings);
    }

    private SchemaStatus(String problem) {
        this(0, NotifyMode.OFF, List.of(problem), List.of(), List.of());
    }

    /**
     * Inspects the database without changing it.
     *
     * @throws io.synckit.InvalidConnectionException if it cannot be reached
     * @throws InvalidConnectionException if it is not PostgreSQL 14 or later with encoding UTF8
     */
    public static SchemaStatus of(DataSource dataSource, String schema, String tableName) {
        TableName name = new TableName(schema, tableName);
        Catalog catalog = new Catalog(name);
        try (Connection connection = dataSource.getConnection()) {
            Catalog.Server server = requireSupported(connection, catalog);
            if (!server.hasTable()) {
                return new SchemaStatus(
                        "there is no table " + name + "; run the migrations, or correct schema and table name");
            }
            return inspect(name, catalog.table(connection));
        } catch (SQLException e) {
            throw SqlFailure.named("inspecting the schema of " + name, e);
        }
    }

    static Catalog.Server requireSupported(Connection connection, Catalog catalog) throws SQLException {
        String product = connection.getMetaData().getDatabaseProductName();
        if (!product.equals("PostgreSQL")) {
            throw unsupported("the database is " + product + "; this store needs PostgreSQL 14 or later");
        }
        Catalog.Server server = catalog.server(connection);
        if (server.versionNumber() < OLDEST_SERVER) {
            throw unsupported("the server is PostgreSQL " + server.version() + "; this store needs 14 or later");
        }
        if (!server.encoding().equals("UTF8")) {
            throw unsupported("the database\'s encoding is " + server.encoding()
                    + ", in which not every event can be stored; create it with ENCODING 'UTF8'");
        }
        return server;
    }

    private static InvalidConnectionException unsupported(String message) {
        return new InvalidConnectionException(InvalidConnectionException.Reason.UNSUPPORTED_DATABASE, message);
    }

    private static SchemaStatus inspect(TableName name, Catalog.Table table) {
        if (table.schemaVersion() == 0) {
            return new SchemaStatus(
                    "the table " + name + " was not made by this library's migrations; choose another table name");
        }
        List<String> problems = new ArrayList<>();
        check(
                table.schemaVersion() >= CURRENT_VERSION,
                problems,
                "the schema is version " + table.schemaVersion() + ", this library needs " + CURRENT_VERSION
                        + "; run the migrations");
        check(
                table.schemaVersion() <= CURRENT_VERSION,
                problems,
                "the schema is version " + table.schemaVersion() + ", this library knows " + CURRENT_VERSION
                        + "; use a newer library");
        inspectFence(name, table, problems);
        inspectProtection(name, table, problems);
        NotifyMode mode =
                table.coalesced() ? NotifyMode.COALESCED : table.eachEvent() ? NotifyMode.EACH_EVENT : NotifyMode.OFF;
        return new SchemaStatus(
                table.schemaVersion(), mode, problems, missingGrants(name, table), warnings(name, table));
    }

    private static void check(boolean right, List<String> problems, String problem) {
        if (!right) {
            problems.add(problem);
        }
    }

    private static void inspectFence(TableName name, Catalog.Table table, List<String> problems) {
        String sequence = name.member("_version_seq");
        check(
                table.generatedAlways(),
                problems,
                "the column version of " + name + " is not GENERATED ALWAYS AS IDENTITY; alter it back");
        check(
                table.plainSequence(),
                problems,
                "the sequence of " + name
                        + " must have CACHE 1, INCREMENT 1 and NO CYCLE, or readers skip events; ALTER SEQUENCE it back");
        check(
                table.boundedSequence(),
                problems,
                "the sequence of " + name + " may give out versions above "
                        + Catalog.HIGHEST_VERSION + ", which the fence cannot announce, so readers would skip events;"
                        + " ALTER SEQUENCE " + sequence + " MAXVALUE " + Catalog.HIGHEST_VERSION);
        check(
                table.sequenceInBounds(),
                problems,
                "the sequence of " + name + " has given out versions above "
                        + Catalog.HIGHEST_VERSION
                        + ", which the fence cannot announce; import the events into a new table with"
                        + " new versions (docs/schema.md)");
        check(
                table.sequenceAhead(),
                problems,
                "the sequence of " + name
                        + " is behind the table, so versions would be given out twice; setval it to the highest version");
        check(
                table.functionsReadFrom().equals(name.quoted()),
                problems,
                "the functions of " + name + " belong to the table "
                        + table.functionsReadFrom()
                        + ", because the schema was renamed or copied, so readers would use the horizon"
                        + " of the other table; run the migrations once (synckit.postgres.migration.mode=migrate), or let the owner"
                        + " run: " + repair(name, table.functionsReadFrom()));
        check(
                table.ownLockClass(),
                problems,
                "another event table of this database uses the lock class of " + name
                        + ", because the schema was copied, so readers of one wait for transactions of the other; run the migrations"
                        + " once (synckit.postgres.migration.mode=migrate), or let the owner run: SELECT "
                        + name.member("_choose_lock_class") + "()");
    }

    /** Creates the functions again, with the name that the table has now. */
    private static String repair(TableName name, String formerTable) {
        String former = formerTable.replaceFirst("\"$", "");
        String now = name.quoted().replaceFirst("\"$", "");
        return "DO $do$ DECLARE f text; BEGIN FOR f IN SELECT replace(pg_get_functiondef(p.oid), '" + former + "', '"
                + now
                + "') FROM pg_proc p WHERE p.pronamespace = '\"" + name.schema()
                + "\"'::regnamespace AND left(p.proname, " + (name.table().length() + 1) + ") = '" + name.table()
                + "_' LOOP EXECUTE f; END LOOP; END $do$";
    }

    private static void inspectProtection(TableName name, Catalog.Table table, List<String> problems) {
        check(
                table.triggersAlways(),
                problems,
                "the triggers of " + name
                        + " are missing, changed or not ENABLE ALWAYS, so readers may skip events; ALTER TABLE … ENABLE ALWAYS"
                        + " TRIGGER " + name.table() + "_admit, and " + name.table() + "_protect");
        check(table.uniqueKeys(), problems, "a unique key of " + name + " is missing or invalid; create it again");
        check(
                table.plainTable(),
                problems,
                "the table " + name
                        + " must be an ordinary, logged table without inheritance, partitions, rules and row level security;"
                        + " alter it back");
        check(
                table.noMaintenance(),
                problems,
                "synckit.maintenance is 'on' for this role or database, so nothing is protected; RESET it");
        check(
                table.notifiesAlways(),
                problems,
                "the notify trigger of " + name
                        + " is changed or not ENABLE ALWAYS, so listeners are not notified; drop it and run the migrations, or"
                        + " ALTER TABLE … ENABLE ALWAYS TRIGGER " + name.table() + "_notify (or " + name.table()
                        + "_each_event)");
    }

    private static List<String> missingGrants(TableName name, Catalog.Table table) {
        Catalog.Privileges privileges = table.privileges();
        String to = " TO \"" + privileges.role() + '"';
        List<String> grants = new ArrayList<>();
        if (!privileges.readsTable()) {
            grants.add("GRANT SELECT ON " + name.quoted() + to);
        }
        if (!privileges.readsSequence()) {
            grants.add("GRANT SELECT ON SEQUENCE " + name.member("_version_seq") + to);
        }
        if (!privileges.executesFunctions()) {
            grants.add("GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA \"" + name.schema() + '"' + to);
        }
        return grants;
    }

    private static List<String> warnings(TableName name, Catalog.Table table) {
        List<String> warnings = new ArrayList<>();
        if (!table.privileges().insertsIntoTable()) {
            warnings.add("the role " + table.privileges().role()
                    + " may read events but not store them; to store events: GRANT" + " INSERT ON " + name.quoted()
                    + " TO \"" + table.privileges().role() + '"');
        }
        if (table.synchronousCommit().equals("off")) {
            warnings.add(
                    table.asynchronousCommitAllowed()
                            ? "synchronous_commit is off, and synckit.asynchronous_commit allows it for events: a crash of the"
                                    + " server can lose acknowledged events, and readers then skip others; set"
                                    + " synchronous_commit = on"
                            : "synchronous_commit is off for this role or database; transactions that store events set it on for"
                                    + " themselves, all others may lose acknowledged changes in a crash of the server");
        }
        if (table.fsync().equals("off")) {
            warnings.add("fsync is off: a crash of the operating system can lose or damage events; set fsync = on");
        }
        return warnings;
    }

    /** Whether the store can work. */
    public boolean isReady() {
        return problems.isEmpty() && missingGrants.isEmpty();
    }

    /**
     * @throws SchemaException with all problems, if there are any, or if it was made by a newer version of the library
     * @throws InvalidConnectionException with the statements that grant them, if only privileges are missing
     */
    public void requireReady() {
        if (isReady()) {
            return;
        }
        if (problems.isEmpty()) {
            throw new InvalidConnectionException(
                    InvalidConnectionException.Reason.MISSING_PRIVILEGE,
                    "The role lacks privileges on the events table. Let its owner run:\n"
                            + String.join(";\n", missingGrants));
        }
        List<String> all = new ArrayList<>(problems);
        missingGrants.forEach(grant -> all.add("the role lacks a privilege; let the owner run: " + grant));
        String message = "The events table is not ready:\n- " + String.join("\n- ", all);
        throw new SchemaException(
                version > CURRENT_VERSION ? SchemaException.Reason.NEWER : SchemaException.Reason.MISMATCH, message);
    }

    /** @throws SchemaException if the table's triggers are those of another mode */
    public void requireNotifyMode(NotifyMode expected) {
        if (notifyMode != expected) {
            throw new SchemaException(
                    SchemaException.Reason.MISMATCH,
                    "The events table has the triggers of notify mode " + notifyMode + ", the setting is " + expected
                            + "; run the migrations with the setting that is meant for all applications of this table, or"
                            + " set synckit.postgres.notify.mode to " + notifyMode);
        }
    }
}
