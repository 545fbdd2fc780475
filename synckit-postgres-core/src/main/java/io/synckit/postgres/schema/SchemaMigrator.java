package io.synckit.postgres.schema;

import io.synckit.MissingPrivilegeException;
import io.synckit.SchemaMismatchException;
import io.synckit.postgres.internal.jdbc.Catalog;
import io.synckit.postgres.internal.jdbc.SqlFailure;
import io.synckit.postgres.internal.jdbc.TableName;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.zip.CRC32;
import javax.sql.DataSource;
import org.flywaydb.core.Flyway;
import org.flywaydb.core.api.FlywayException;
import org.flywaydb.core.api.configuration.FluentConfiguration;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Makes and upgrades the events table, with a Flyway of its own (flyway-core and flyway-database-postgresql must be on the class
 * path): scripts from {@code classpath:db/synckit/postgres}, history in {@code <table>_schema_history} beside the table. It never
 * meets the application's migrations.
 */
public final class SchemaMigrator {

    /** Where the scripts are. Their placeholders: {@code schema}, {@code table}, {@code data_index}, {@code metadata_index}, {@code notify_mode}. */
    public static final String LOCATION = "classpath:db/synckit/postgres";

    private static final Logger log = LoggerFactory.getLogger(SchemaMigrator.class);

    /** All of them: a test looks. */
    static final List<String> SCRIPTS =
            List.of("V1__events.sql", "V2__bell.sql", "R__notify_mode.sql", "R__optional_indexes.sql");

    private final DataSource dataSource;
    private final TableName name;
    private final Options options;

    /**
     * @param dataSource hands out two connections at the same time, with a role that may create the schema and the table
     * @throws io.synckit.InvalidConfigException if a name is not possible
     */
    public SchemaMigrator(DataSource dataSource, String schema, String tableName, Options options) {
        this.dataSource = dataSource;
        this.name = new TableName(schema, tableName);
        this.options = options;
    }

    /**
     * What can be chosen.
     *
     * @param dataIndex whether to make a GIN index for {@code Filter.dataContains}
     * @param metadataIndex whether to make a GIN index for {@code Filter.metadataContains}
     * @param notifyMode how listeners are told; null leaves it as it is, and a new table gets {@link NotifyMode#BELL}
     */
    public record Options(
            boolean dataIndex,
            boolean metadataIndex,
            @Nullable NotifyMode notifyMode) {

        /** No optional index, and the notify mode as it is. */
        public static final Options DEFAULTS = new Options(false, false, null);
    }

    /**
     * Brings the schema up to date; does nothing if it is, and is quick then: the schema remembers the scripts and options that made it.
     * Several processes may do so at the same time.
     *
     * @return how many scripts ran
     * @throws MissingPrivilegeException if the role may not migrate
     * @throws SchemaMismatchException if a script fails, or the history is not this library's
     * @throws io.synckit.InvalidConnectionException if the database cannot be reached
     * @throws io.synckit.UnsupportedDatabaseException if it is not PostgreSQL 14 or later with encoding UTF8
     */
    public int migrate() {
        Catalog catalog = new Catalog(name);
        String maker = fingerprint();
        try (Connection connection = dataSource.getConnection()) {
            SchemaStatus.requireSupported(connection, catalog);
            if (maker.equals(catalog.maker(connection))) {
                return 0;
            }
        } catch (SQLException e) {
            throw SqlFailure.named("migrating " + name, e);
        }
        int scripts = runScripts();
        try (Connection connection = dataSource.getConnection()) {
            catalog.rememberMaker(connection, maker);
        } catch (SQLException e) {
            // Another process does so at this moment, or the role may not: the next start asks Flyway again.
            log.debug("schema.not-marked table={}: {}", name, e.getMessage());
        }
        return scripts;
    }

    private int runScripts() {
        try {
            return flyway().migrate().migrationsExecuted;
        } catch (FlywayException e) {
            if (mayNot(e)) {
                throw new MissingPrivilegeException(
                        "migrating " + name + " failed: " + e.getMessage()
                                + "; give the migration a role that may, or let it be done by hand (docs/schema.md)",
                        e);
            }
            throw new SchemaMismatchException(
                    "migrating " + name + " failed: " + e.getMessage()
                            + "; give the migration a role that may, or let it be done by hand (docs/schema.md)",
                    e);
        }
    }

    /** Of the scripts and what is put into them. */
    private String fingerprint() {
        CRC32 sum = new CRC32();
        for (String script : SCRIPTS) {
            try (InputStream in = SchemaMigrator.class.getResourceAsStream("/db/synckit/postgres/" + script)) {
                sum.update(Objects.requireNonNull(in, script).readAllBytes());
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
        sum.update(new TreeMap<>(placeholders()).toString().getBytes(StandardCharsets.UTF_8));
        return "made by scripts " + Long.toHexString(sum.getValue());
    }

    private static boolean mayNot(Throwable failure) {
        for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
            if (cause instanceof SQLException sql && "42501".equals(sql.getSQLState())) {
                return true;
            }
        }
        return false;
    }

    private Flyway flyway() {
        FluentConfiguration configuration = Flyway.configure(SchemaMigrator.class.getClassLoader())
                .dataSource(dataSource)
                .locations(LOCATION)
                .table(name.table() + "_schema_history")
                .schemas(name.schema())
                .defaultSchema(name.schema())
                .createSchemas(true)
                // A schema that holds other tables is baselined below the first script, so that none is skipped.
                .baselineOnMigrate(true)
                .baselineVersion("0")
                .cleanDisabled(true)
                .failOnMissingLocations(true)
                .validateMigrationNaming(true)
                .placeholders(placeholders());
        return configuration.load();
    }

    private Map<String, String> placeholders() {
        return Map.of(
                "schema", name.schema(),
                "table", name.table(),
                "data_index", Boolean.toString(options.dataIndex()),
                "metadata_index", Boolean.toString(options.metadataIndex()),
                "notify_mode",
                        options.notifyMode() == null
                                ? "AS_IT_IS"
                                : options.notifyMode().name());
    }
}
