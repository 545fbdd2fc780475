package io.synckit.postgres.boot.autoconfigure;

import io.synckit.InvalidConnectionException;
import io.synckit.InvalidConnectionException.Reason;
import io.synckit.postgres.Config;
import io.synckit.postgres.boot.autoconfigure.SynckitPostgresProperties.Migration;
import io.synckit.postgres.boot.autoconfigure.SynckitPostgresProperties.MigrationMode;
import io.synckit.postgres.schema.NotifyMode;
import io.synckit.postgres.schema.SchemaMigrator;
import io.synckit.postgres.schema.SchemaStatus;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.beans.factory.InitializingBean;

/** Migrates and checks the schema before anything uses the database. */
final class SynckitSchemaInitializer implements InitializingBean {

    private static final Logger log = LoggerFactory.getLogger(SynckitSchemaInitializer.class);

    private final DataSource dataSource;
    private final Config config;
    private final Migration migration;
    private final @Nullable NotifyMode notifyMode;

    SynckitSchemaInitializer(DataSource dataSource, SynckitPostgresProperties properties) {
        this.dataSource = dataSource;
        this.config = properties.toConfig();
        this.migration = properties.migration();
        this.notifyMode = properties.notifications().mode();
    }

    @Override
    public void afterPropertiesSet() {
        if (migration.mode() == MigrationMode.NONE) {
            return;
        }
        if (migration.mode() == MigrationMode.MIGRATE) {
            DataSource unpooled = migrationDataSource();
            warnIfTheNotifyModeChanges(unpooled);
            int scripts = migrate(unpooled);
            log.info("schema.migrated table={}.{} scripts={}", config.schema(), config.tableName(), scripts);
        }
        SchemaStatus status = SchemaStatus.of(dataSource, config.schema(), config.tableName());
        status.requireReady();
        status.warnings()
                .forEach(warning ->
                        log.warn("schema.warning table={}.{}: {}", config.schema(), config.tableName(), warning));
        if (notifyMode != null) {
            status.requireNotifyMode(notifyMode);
        }
    }

    private int migrate(DataSource unpooled) {
        try {
            return new SchemaMigrator(
                            unpooled,
                            config.schema(),
                            config.tableName(),
                            new SchemaMigrator.Options(migration.dataIndex(), migration.metadataIndex(), notifyMode))
                    .migrate();
        } catch (InvalidConnectionException e) {
            throw e.reason() == Reason.MISSING_PRIVILEGE ? new MigrationPrivilegeException(e) : e;
        }
    }

    private void warnIfTheNotifyModeChanges(DataSource unpooled) {
        if (notifyMode == null) {
            return;
        }
        SchemaStatus before = SchemaStatus.of(unpooled, config.schema(), config.tableName());
        if (before.version() == SchemaStatus.CURRENT_VERSION && before.notifyMode() != notifyMode) {
            log.warn(
                    "schema.notify-mode-changed table={}.{} from={} to={}: for all applications of the table",
                    config.schema(),
                    config.tableName(),
                    before.notifyMode(),
                    notifyMode);
        }
    }

    /** Outside the pool, because a migration needs two connections at once, and a pool may have only one. */
    private DataSource migrationDataSource() {
        DataSource unpooled = new UnpooledConnections(
                        "migration", migration.url(), migration.username(), migration.password())
                .like(dataSource, UnpooledConnections.FOR_MIGRATION);
        if (unpooled == null) {
            log.debug("schema.pooled: the URL of the DataSource is not known, so the migration uses the pool");
            return dataSource;
        }
        return unpooled;
    }
}
