package io.synckit.postgres.boot.autoconfigure;

import io.synckit.postgres.Config;
import io.synckit.postgres.boot.autoconfigure.SynckitPostgresProperties.Migration;
import io.synckit.postgres.boot.autoconfigure.SynckitPostgresProperties.MigrationMode;
import io.synckit.postgres.schema.SchemaMigrator;
import io.synckit.postgres.schema.SchemaStatus;
import javax.sql.DataSource;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.beans.factory.InitializingBean;
import org.springframework.boot.jdbc.DataSourceBuilder;
import org.springframework.boot.jdbc.UnsupportedDataSourcePropertyException;
import org.springframework.jdbc.datasource.SimpleDriverDataSource;

/** Migrates and checks the schema before anything uses the database. */
final class SynckitSchemaInitializer implements InitializingBean {

    private static final Logger log = LoggerFactory.getLogger(SynckitSchemaInitializer.class);

    private final DataSource dataSource;
    private final Config config;
    private final Migration migration;

    SynckitSchemaInitializer(DataSource dataSource, SynckitPostgresProperties properties) {
        this.dataSource = dataSource;
        this.config = properties.toConfig();
        this.migration = properties.migration();
    }

    @Override
    public void afterPropertiesSet() {
        if (migration.mode() == MigrationMode.NONE) {
            return;
        }
        if (migration.mode() == MigrationMode.MIGRATE) {
            int scripts = new SchemaMigrator(
                            migrationDataSource(),
                            config.schema(),
                            config.tableName(),
                            migration.dataIndex(),
                            migration.metadataIndex())
                    .migrate();
            log.info("schema.migrated table={}.{} scripts={}", config.schema(), config.tableName(), scripts);
        }
        SchemaStatus.of(dataSource, config.schema(), config.tableName()).requireReady();
    }

    /** Outside the pool: a migration holds two connections at once, and a pool may have but one. */
    private DataSource migrationDataSource() {
        boolean own = migration.url() != null || migration.username() != null;
        try {
            DataSourceBuilder<?> builder =
                    DataSourceBuilder.derivedFrom(dataSource).type(SimpleDriverDataSource.class);
            if (migration.url() != null) {
                builder.url(migration.url());
            }
            if (migration.username() != null) {
                builder.username(migration.username()).password(migration.password());
            }
            return builder.build();
        } catch (IllegalStateException | IllegalArgumentException | UnsupportedDataSourcePropertyException e) {
            if (own) {
                throw e;
            }
            log.debug("schema.pooled: no URL could be read from the DataSource, so the migration uses the pool", e);
            return dataSource;
        }
    }
}
