package io.synckit.postgres.boot.autoconfigure;

import io.synckit.InvalidConfigException;
import io.synckit.postgres.Config;
import io.synckit.postgres.boot.autoconfigure.SynckitPostgresProperties.Migration;
import io.synckit.postgres.boot.autoconfigure.SynckitPostgresProperties.MigrationMode;
import io.synckit.postgres.schema.NotifyMode;
import io.synckit.postgres.schema.SchemaMigrator;
import io.synckit.postgres.schema.SchemaStatus;
import java.util.Objects;
import javax.sql.DataSource;
import org.postgresql.Driver;
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
    private final NotifyMode notifyMode;

    SynckitSchemaInitializer(DataSource dataSource, SynckitPostgresProperties properties) {
        this.dataSource = dataSource;
        this.config = properties.toConfig();
        this.migration = properties.migration();
        this.notifyMode = properties.notify().mode();
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
                            new SchemaMigrator.Options(migration.dataIndex(), migration.metadataIndex(), notifyMode))
                    .migrate();
            log.info("schema.migrated table={}.{} scripts={}", config.schema(), config.tableName(), scripts);
        }
        SchemaStatus status = SchemaStatus.of(dataSource, config.schema(), config.tableName());
        status.requireReady();
        status.requireNotifyMode(notifyMode);
    }

    /** Outside the pool: a migration holds two connections at once, and a pool may have but one. */
    private DataSource migrationDataSource() {
        SimpleDriverDataSource unpooled;
        try {
            unpooled = DataSourceBuilder.derivedFrom(dataSource)
                    .type(SimpleDriverDataSource.class)
                    .build();
        } catch (IllegalStateException | IllegalArgumentException | UnsupportedDataSourcePropertyException e) {
            if (migration.url() == null) {
                if (migration.username() != null) {
                    throw new InvalidConfigException(
                            "migration.username", "needs migration.url, since the DataSource does not tell its own");
                }
                log.debug("schema.pooled: the DataSource does not tell its URL, so the migration uses the pool", e);
                return dataSource;
            }
            unpooled = new SimpleDriverDataSource();
            unpooled.setDriver(new Driver());
        }
        if (migration.url() != null) {
            unpooled.setUrl(migration.url());
        }
        if (migration.username() != null) {
            unpooled.setUrl(withoutCredentials(Objects.requireNonNull(unpooled.getUrl())));
            unpooled.setUsername(migration.username());
            unpooled.setPassword(migration.password());
        } else if (migration.password() != null) {
            throw new InvalidConfigException("migration.password", "needs migration.username");
        }
        return unpooled;
    }

    /** In the driver, user and password of the URL win over those that are given beside it. */
    private static String withoutCredentials(String url) {
        return url.replaceAll("([?&])(user|password)=[^&]*", "$1").replaceAll("&{2,}", "&");
    }
}
