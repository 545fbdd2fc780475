package io.synckit.postgres.schema;

import io.synckit.NewerSchemaException;
import io.synckit.SchemaMismatchException;
import io.synckit.UnsupportedDatabaseException;
import io.synckit.postgres.internal.jdbc.Catalog;
import io.synckit.postgres.internal.jdbc.SqlFailure;
import io.synckit.postgres.internal.jdbc.TableName;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import javax.sql.DataSource;

/**
 * Whether the events table is as the promises of the store need it: whatever would break the fence in silence is a problem.
 *
 * @param version of the schema in the database; 0 if there is none
 * @param notifyMode what the table's triggers do
 * @param problems what is wrong, each with its remedy; empty if all is well
 */
public record SchemaStatus(int version, NotifyMode notifyMode, List<String> problems) {

    /** The version that this library works with. */
    public static final int CURRENT_VERSION = 2;

    static final int OLDEST_SERVER = 140000;

    public SchemaStatus {
        problems = List.copyOf(problems);
    }

    /**
     * Looks at the database; changes nothing.
     *
     * @throws io.synckit.InvalidConnectionException if it cannot be reached
     * @throws UnsupportedDatabaseException if it is not PostgreSQL 14 or later with encoding UTF8
     */
    public static SchemaStatus of(DataSource dataSource, String schema, String tableName) {
        TableName name = new TableName(schema, tableName);
        Catalog catalog = new Catalog(name);
        try (Connection connection = dataSource.getConnection()) {
            Catalog.Server server = requireSupported(connection, catalog);
            if (!server.hasTable()) {
                return new SchemaStatus(
                        0,
                        NotifyMode.OFF,
                        List.of("there is no table " + name
                                + "; run the migrations, or correct schema and table name"));
            }
            return inspect(name, catalog.table(connection));
        } catch (SQLException e) {
            throw SqlFailure.named("looking at the schema of " + name, e);
        }
    }

    static Catalog.Server requireSupported(Connection connection, Catalog catalog) throws SQLException {
        String product = connection.getMetaData().getDatabaseProductName();
        if (!product.equals("PostgreSQL")) {
            throw new UnsupportedDatabaseException(
                    "the database is " + product + "; this store needs PostgreSQL 14 or later");
        }
        Catalog.Server server = catalog.server(connection);
        if (server.versionNumber() < OLDEST_SERVER) {
            throw new UnsupportedDatabaseException(
                    "the server is PostgreSQL " + server.version() + "; this store needs 14 or later");
        }
        if (!server.encoding().equals("UTF8")) {
            throw new UnsupportedDatabaseException("the database's encoding is " + server.encoding()
                    + ", in which not every event can be stored; create it with ENCODING 'UTF8'");
        }
        return server;
    }

    private static SchemaStatus inspect(TableName name, Catalog.Table table) {
        List<String> problems = new ArrayList<>();
        if (table.schemaVersion() == 0) {
            problems.add("the table " + name + " was not made by this library's migrations; choose another table name");
            return new SchemaStatus(0, NotifyMode.OFF, problems);
        }
        if (table.schemaVersion() < CURRENT_VERSION) {
            problems.add("the schema is version " + table.schemaVersion() + ", this library needs " + CURRENT_VERSION
                    + "; run the migrations");
        }
        if (table.schemaVersion() > CURRENT_VERSION) {
            problems.add("the schema is version " + table.schemaVersion() + ", this library knows " + CURRENT_VERSION
                    + "; use a newer library");
        }
        if (!table.generatedAlways()) {
            problems.add("the column version of " + name + " is not GENERATED ALWAYS AS IDENTITY; alter it back");
        }
        if (!table.plainSequence()) {
            problems.add("the sequence of " + name + " must have CACHE 1, INCREMENT 1 and NO CYCLE, or events are lost;"
                    + " ALTER SEQUENCE it back");
        }
        if (!table.triggersAlways()) {
            problems.add(
                    "the triggers of " + name + " are missing, changed or not ENABLE ALWAYS, so the fence has holes;"
                            + " ALTER TABLE … ENABLE ALWAYS TRIGGER " + name.table() + "_admit, and " + name.table()
                            + "_protect");
        }
        if (!table.uniqueKeys()) {
            problems.add("a unique key of " + name + " is missing or invalid; create it again");
        }
        if (!table.plainTable()) {
            problems.add("the table " + name
                    + " must be an ordinary, logged table without inheritance, partitions, rules and row"
                    + " level security; alter it back");
        }
        if (!table.noMaintenance()) {
            problems.add("synckit.maintenance is 'on' for this role or database, so nothing is protected; RESET it");
        }
        if (!table.sequenceAhead()) {
            problems.add("the sequence of " + name + " is behind the table, so versions would be given out twice;"
                    + " setval it to the highest version");
        }
        if (!table.mayRead()) {
            problems.add("the role may not SELECT from " + name + " and its sequence; grant it");
        }
        if (!table.notifiesAlways()) {
            problems.add("the notify trigger of " + name
                    + " is changed or not ENABLE ALWAYS, so listeners are not told; drop it and run the migrations, or"
                    + " ALTER TABLE … ENABLE ALWAYS TRIGGER " + name.table() + "_bell (or " + name.table()
                    + "_each_event)");
        }
        NotifyMode mode = table.bell() ? NotifyMode.BELL : table.eachEvent() ? NotifyMode.EACH_EVENT : NotifyMode.OFF;
        return new SchemaStatus(table.schemaVersion(), mode, problems);
    }

    /** Whether the store can work. */
    public boolean isReady() {
        return problems.isEmpty();
    }

    /**
     * @throws SchemaMismatchException with all problems, if there are any
     * @throws NewerSchemaException if it was made by a newer version of the library
     */
    public void requireReady() {
        if (isReady()) {
            return;
        }
        String message = "The events table is not ready:\n- " + String.join("\n- ", problems);
        throw version > CURRENT_VERSION ? new NewerSchemaException(message) : new SchemaMismatchException(message);
    }

    /** @throws SchemaMismatchException if the table's triggers are those of another mode */
    public void requireNotifyMode(NotifyMode expected) {
        if (notifyMode != expected) {
            throw new SchemaMismatchException(
                    "The events table has the triggers of notify mode " + notifyMode + ", the setting is "
                            + expected
                            + "; run the migrations with the setting that is meant for all applications of this table, or"
                            + " set synckit.postgres.notify.mode to " + notifyMode);
        }
    }
}
