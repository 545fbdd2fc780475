package io.synckit.postgres.schema;

import io.synckit.InvalidConnectionException;
import io.synckit.SchemaException;
import io.synckit.postgres.internal.runtime.Backoff;
import io.synckit.postgres.internal.runtime.Clock;
import io.synckit.postgres.internal.sql.Catalog;
import io.synckit.postgres.internal.sql.CreatePrivilege;
import io.synckit.postgres.internal.sql.SqlFailure;
import io.synckit.postgres.internal.sql.TableName;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.locks.LockSupport;
import java.util.zip.CRC32;
import javax.sql.DataSource;
import org.flywaydb.core.Flyway;
import org.flywaydb.core.api.configuration.FluentConfiguration;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Creates and upgrades the events table, with a Flyway of its own (flyway-core and flyway-database-postgresql must be on the class
 * path). The history is in {@code <table>_schema_history} beside the table. The application's migrations are not affected.
 *
 * <p>A migration waits for a lock for a second at most and then tries again, so it delays other sessions by a second at most.
 */
public final class SchemaMigrator {

    /** The folder of the scripts. Their placeholders: {@code schema}, {@code table}, {@code data_index}, {@code metadata_index}, {@code notify_mode}. */
    public static final String LOCATION = "classpath:" + MigrationScripts.FOLDER;

    /** How long a migration tries to lock the table. */
    public static final Duration DEFAULT_LOCK_PATIENCE = Duration.ofSeconds(30);

    private static final Logger log = LoggerFactory.getLogger(SchemaMigrator.class);

    /** As in the scripts. Local, since the connection may be a pool's. */
    private static final String LOCK_TIMEOUT = "set local lock_timeout = '1s'";

    private static final Duration PAUSE = Duration.ofMillis(500);

    private final DataSource dataSource;
    private final TableName name;
    private final Options options;
    private final Duration lockPatience;

    /**
     * @param dataSource hands out two connections at the same time, with a role that may create the schema and the table
     * @throws io.synckit.InvalidConfigException if a name is not possible
     */
    public SchemaMigrator(DataSource dataSource, String schema, String tableName, Options options) {
        this(dataSource, schema, tableName, options, DEFAULT_LOCK_PATIENCE);
    }

    /** @param lockPatience how long it tries to lock a table that other sessions use */
    public SchemaMigrator(
            DataSource dataSource, String schema, String tableName, Options options, Duration lockPatience) {
        this.dataSource = dataSource;
        this.name = new TableName(schema, tableName);
        this.options = options;
        this.lockPatience = lockPatience;
    }

    /**
     * What can be chosen.
     *
     * @param dataIndex whether to create a GIN index for {@code Filter.dataContains}
     * @param metadataIndex whether to create a GIN index for {@code Filter.metadataContains}
     * @param notifyMode how commits notify listeners; null leaves it unchanged, and a new table gets {@link NotifyMode#COALESCED}
     */
    public record Options(
            boolean dataIndex,
            boolean metadataIndex,
            @Nullable NotifyMode notifyMode) {

        /** No optional index, and the notify mode unchanged. */
        public static final Options DEFAULTS = new Options(false, false, null);
    }

    /**
     * Brings the schema up to date. Does nothing, quickly, if it is: the schema stores a fingerprint of the scripts and options that
     * made it. Several processes may migrate at the same time.
     *
     * @return the number of scripts that ran
     * @throws SchemaException if a newer version of the library has migrated the schema, other sessions use the table for longer than the
     *     lock patience, a script fails, or the history is not this library's
     * @throws InvalidConnectionException if the database cannot be reached, the role may not migrate, or it is not PostgreSQL 14 or later
     *     with encoding UTF8
     */
    public int migrate() {
        Catalog catalog = new Catalog(name);
        String fingerprint = fingerprint();
        try (Connection connection = dataSource.getConnection()) {
            SchemaStatus.requireSupported(connection, catalog);
            requireCreatePrivilege(connection);
            requireNotNewer(catalog.schemaVersion(connection));
            if (fingerprint.equals(catalog.fingerprint(connection)) && catalog.hasOwnLockClass(connection)) {
                return 0;
            }
        } catch (SQLException e) {
            throw SqlFailure.named("migrating " + name, e);
        }
        int scripts = withLockTimeouts(catalog, () -> flyway().migrate().migrationsExecuted);
        withLockTimeouts(catalog, () -> {
            separateLocks(catalog);
            return true;
        });
        try (Connection connection = dataSource.getConnection()) {
            catalog.storeFingerprint(connection, fingerprint);
        } catch (SQLException e) {
            // Another process does the same at this moment, or the role may not: the next start asks Flyway again.
            log.debug("schema.not-marked table={}: {}", name, e.getMessage());
        }
        return scripts;
    }

    private void requireNotNewer(int version) {
        if (version > SchemaStatus.CURRENT_VERSION) {
            throw new SchemaException(
                    SchemaException.Reason.NEWER,
                    "the schema of " + name + " is version " + version + ", this library knows "
                            + SchemaStatus.CURRENT_VERSION + "; use a newer library");
        }
    }

    /** Flyway would try to create the table for ten seconds. */
    private void requireCreatePrivilege(Connection connection) throws SQLException {
        Optional<String> missing = CreatePrivilege.missingGrant(connection, name, historyTable());
        if (missing.isPresent()) {
            throw new InvalidConnectionException(
                    InvalidConnectionException.Reason.MISSING_PRIVILEGE,
                    "migrating " + name
                            + " failed: the role may not create the tables (SQLSTATE 42501); let the owner run \""
                            + missing.get() + "\", or migrate as a role that may (docs/schema.md)");
        }
    }

    private String historyTable() {
        return name.table() + "_schema_history";
    }

    private void separateLocks(Catalog catalog) throws SQLException {
        try (Connection connection = dataSource.getConnection()) {
            if (!catalog.hasOwnLockClass(connection)) {
                connection.setAutoCommit(false);
                try (Statement statement = connection.createStatement()) {
                    statement.execute(LOCK_TIMEOUT);
                    catalog.chooseLockClass(connection);
                    connection.commit();
                } finally {
                    connection.rollback();
                    connection.setAutoCommit(true);
                }
            }
        }
    }

    /** Each step is a transaction, so one that fails has changed nothing and can be tried again. */
    private <R> R withLockTimeouts(Catalog catalog, Callable<R> step) {
        long start = Clock.SYSTEM.nanos();
        boolean warned = false;
        while (true) {
            try {
                return step.call();
            } catch (Exception e) {
                String state = sqlState(e);
                if (!"55P03".equals(state)) {
                    throw failed(e, state);
                }
                String holders = holders(catalog);
                if (Clock.SYSTEM.nanos() - start > lockPatience.toNanos()) {
                    throw new SchemaException(
                            SchemaException.Reason.LOCKED,
                            "migrating " + name + " failed: the table could not be locked within "
                                    + lockPatience.toSeconds() + " s, because it is used by " + holders
                                    + "; end that transaction, or migrate when it is over",
                            e);
                }
                if (!warned) {
                    log.warn(
                            "schema.locked table={}: the migration waits, because the table is used by {}",
                            name,
                            holders);
                    warned = true;
                }
                LockSupport.parkNanos(new Backoff(PAUSE).pause(1).toNanos());
            }
        }
    }

    private String holders(Catalog catalog) {
        try (Connection connection = dataSource.getConnection()) {
            List<String> holders = catalog.lockHolders(connection);
            return holders.isEmpty() ? "a session that has ended meanwhile" : String.join("; ", holders);
        } catch (SQLException e) {
            return "an unknown session (" + e.getMessage() + ")";
        }
    }

    private RuntimeException failed(Exception failure, @Nullable String state) {
        if (failure instanceof SQLException sql) {
            return SqlFailure.named("migrating " + name, sql);
        }
        String message = "migrating " + name + " failed: " + failure.getMessage();
        return "42501".equals(state)
                ? new InvalidConnectionException(
                        InvalidConnectionException.Reason.MISSING_PRIVILEGE,
                        message + "; use a role that may migrate, or let the owner run the scripts (docs/schema.md)",
                        failure)
                : new SchemaException(
                        SchemaException.Reason.MISMATCH,
                        message + "; docs/schema.md says how to run the scripts by hand",
                        failure);
    }

    private static @Nullable String sqlState(Throwable failure) {
        for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
            if (cause instanceof SQLException sql && sql.getSQLState() != null) {
                return sql.getSQLState();
            }
        }
        return null;
    }

    /** Of the scripts and what is put into them. */
    private String fingerprint() {
        CRC32 sum = new CRC32();
        MigrationScripts.NAMES.forEach(
                script -> sum.update(MigrationScripts.text(script).getBytes(StandardCharsets.UTF_8)));
        sum.update(new TreeMap<>(placeholders()).toString().getBytes(StandardCharsets.UTF_8));
        return "made by scripts " + Long.toHexString(sum.getValue());
    }

    private Flyway flyway() {
        FluentConfiguration configuration = Flyway.configure(SchemaMigrator.class.getClassLoader())
                .dataSource(dataSource)
                .resourceProvider(new MigrationScripts())
                .javaMigrationClassProvider(List::of)
                .table(historyTable())
                .schemas(name.schema())
                .defaultSchema(name.schema())
                .createSchemas(true)
                // A schema that holds other tables is baselined below the first script, so that none is skipped.
                .baselineOnMigrate(true)
                .baselineVersion("0")
                .cleanDisabled(true)
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
