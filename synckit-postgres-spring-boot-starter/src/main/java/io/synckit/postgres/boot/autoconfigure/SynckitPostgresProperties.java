package io.synckit.postgres.boot.autoconfigure;

import io.synckit.postgres.Config;
import io.synckit.postgres.schema.NotifyMode;
import java.time.Duration;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;
import org.springframework.boot.context.properties.bind.Name;
import org.springframework.util.unit.DataSize;

/**
 * The settings of the starter. Values are checked by {@link Config}.
 *
 * @param enabled Whether to set up the event store.
 * @param url URL of a separate database for the event store (jdbc:postgresql://… or postgres://…), which gets a dedicated connection pool. Without it, the application's DataSource is used, and appends join its transactions. In an application without another DataSource the dedicated pool is the application's DataSource as well.
 * @param username User of the separate database, unless the URL contains it.
 * @param password Password of the separate database, unless the URL contains it.
 * @param schema Schema of the events table and its functions.
 * @param tableName Name of the events table.
 * @param maxOpenConns Maximum size of the dedicated connection pool.
 * @param maxIdleConns Minimum number of idle connections of the dedicated pool.
 * @param connMaxLifetime Maximum lifetime of a connection of the dedicated pool.
 * @param connMaxIdleTime Time after which the dedicated pool closes idle connections above the minimum.
 * @param notificationTimeout Maximum time between two reads of the table without a notification.
 * @param reconnectInterval Pause after the first failed attempt of the listener to connect. It becomes longer with each attempt, up to a minute. While the listener is not connected, it polls at this interval, or at the notification timeout if that is shorter.
 * @param maxReconnectAttempts Attempts to connect after which the listener has failed. Then it polls, and tries again after a successful poll.
 * @param batchSize Maximum number of events in a page without a limit, and in one fetch of a stream.
 * @param enablePreparedStmts Whether the driver keeps server-side prepared statements. Disable it behind a pooler that does not support them.
 * @param allowAsync Whether storeAsync and appendAsync may use connections on threads of the store. By default they may with a HikariDataSource, but not with a routing or wrapped DataSource, because its connections may depend on the calling thread (tenant, role, session setting).
 * @param asyncLanes Number of lanes of storeAsync and appendAsync, 1 to 64. Each lane stores the events of some aggregates, group by group, and uses one connection meanwhile. More than one helps callers that do not await their results, and makes groups smaller for those that do.
 * @param rejectAsyncWhenFull Whether storeAsync and appendAsync throw AsyncQueueFullException while too many events wait (10,000, or 64 MB), instead of blocking the caller.
 * @param enableMetrics Whether to record metrics and traces, if Micrometer is present.
 * @param maxEventSize Maximum size of an event: data and metadata together, in UTF-8.
 * @param notifications How commits notify listeners.
 * @param listener Settings of the listener.
 * @param audit Settings of the audit.
 * @param durable Settings of durable subscriptions.
 * @param migration Settings of the schema migration.
 */
@ConfigurationProperties("synckit.postgres")
record SynckitPostgresProperties(
        @DefaultValue("true") boolean enabled,
        @Nullable String url,
        @Nullable String username,
        @Nullable String password,
        @DefaultValue(Config.DEFAULT_SCHEMA) String schema,
        @DefaultValue(Config.DEFAULT_TABLE_NAME) String tableName,
        @DefaultValue("" + Config.DEFAULT_MAX_OPEN_CONNS) int maxOpenConns,
        @DefaultValue("" + Config.DEFAULT_MAX_IDLE_CONNS) int maxIdleConns,
        @DefaultValue("1h") Duration connMaxLifetime,
        @DefaultValue("15m") Duration connMaxIdleTime,
        @DefaultValue("30s") Duration notificationTimeout,
        @DefaultValue("5s") Duration reconnectInterval,

        @DefaultValue("" + Config.DEFAULT_MAX_RECONNECT_ATTEMPTS)
        int maxReconnectAttempts,

        @DefaultValue("" + Config.DEFAULT_BATCH_SIZE) int batchSize,
        @DefaultValue("true") boolean enablePreparedStmts,
        @Nullable Boolean allowAsync,
        @DefaultValue("" + Config.DEFAULT_ASYNC_LANES) int asyncLanes,
        @DefaultValue("false") boolean rejectAsyncWhenFull,
        @DefaultValue("true") boolean enableMetrics,
        @DefaultValue("1MB") DataSize maxEventSize,
        @Name("notify") @DefaultValue Notify notifications,
        @DefaultValue Listener listener,
        @DefaultValue Audit audit,
        @DefaultValue Durable durable,
        @DefaultValue Migration migration) {

    /**
     * How listeners are notified.
     *
     * @param mode How commits notify listeners: coalesced (one transaction at a time), each-event (the channels of go-sync-kit, for listeners outside this library) or off (listeners poll; for XA). The mode belongs to the table, so it applies to all applications of the table. Without this setting the table keeps its mode. A new table gets coalesced.
     */
    record Notify(@Nullable NotifyMode mode) {}

    /**
     * The connection that listens.
     *
     * @param enabled Whether to offer subscriptions. If not, the bean is a PostgresEventStore instead of a RealtimeEventStore, and there is no bean EventSubscriptions.
     * @param required Whether the start fails if the listener cannot connect. If not, live subscriptions are served by polling until it is connected.
     * @param url URL of the same database for the listener, for example to bypass a connection pooler.
     * @param username User of the listener's URL.
     * @param password Password of the user of the listener's URL.
     */
    record Listener(
            @DefaultValue("true") boolean enabled,
            @DefaultValue("false") boolean required,
            @Nullable String url,
            @Nullable String username,
            @Nullable String password) {}

    /**
     * The audit of delivered events.
     *
     * @param enabled Whether to compare delivered events with the table.
     * @param delay Time between the delivery and the comparison.
     */
    record Audit(
            @DefaultValue("true") boolean enabled,
            @DefaultValue("1m") Duration delay) {}

    /**
     * Durable subscriptions.
     *
     * @param ownerTimeout Time after which an instance of the application counts as dead if the server receives nothing from it, for example because its process is suspended. At least 1 s. An instance that ends, or whose host vanishes, is usually noticed earlier.
     */
    record Durable(@DefaultValue("30s") Duration ownerTimeout) {}

    /**
     * The migration of the schema.
     *
     * @param mode Whether to migrate the schema at start-up (migrate), only to check it (validate), or neither (none).
     * @param url URL of the same database for the migration, for example to bypass a connection pooler.
     * @param username User for the migration, if the user of the application may not run DDL.
     * @param password Password of the user for the migration.
     * @param dataIndex Whether to create a GIN index for filters on data.
     * @param metadataIndex Whether to create a GIN index for filters on metadata.
     */
    record Migration(
            @DefaultValue("migrate") MigrationMode mode,
            @Nullable String url,
            @Nullable String username,
            @Nullable String password,
            @DefaultValue("false") boolean dataIndex,
            @DefaultValue("false") boolean metadataIndex) {}

    /** What happens to the schema at start-up. */
    enum MigrationMode {

        /** Migrate it, then check it. */
        MIGRATE,

        /** Check it. The start fails if it does not fit. */
        VALIDATE,

        /** Neither. */
        NONE
    }

    /** @throws io.synckit.InvalidConfigException if a value is invalid */
    Config toConfig() {
        return Config.builder()
                .connectionString(url)
                .username(username)
                .password(password)
                .schema(schema)
                .tableName(tableName)
                .maxOpenConns(maxOpenConns)
                .maxIdleConns(maxIdleConns)
                .connMaxLifetime(connMaxLifetime)
                .connMaxIdleTime(connMaxIdleTime)
                .notificationTimeout(notificationTimeout)
                .reconnectInterval(reconnectInterval)
                .maxReconnectAttempts(maxReconnectAttempts)
                .notifyMode(notifications.mode())
                .listenerConnectionString(listener.url())
                .batchSize(batchSize)
                .enablePreparedStmts(enablePreparedStmts)
                .allowAsync(allowAsync)
                .asyncLanes(asyncLanes)
                .rejectAsyncWhenFull(rejectAsyncWhenFull)
                .maxEventBytes(maxEventSize.toBytes())
                .build();
    }
}
