package io.synckit.postgres;

import io.synckit.InvalidConfigException;
import io.synckit.postgres.schema.NotifyMode;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/** Builds a {@link Config}, from the defaults. Not thread-safe. */
public final class ConfigBuilder {

    @Nullable String connectionString;

    @Nullable String username;

    @Nullable String password;

    String schema = Config.DEFAULT_SCHEMA;
    String tableName = Config.DEFAULT_TABLE_NAME;
    int maxOpenConns = Config.DEFAULT_MAX_OPEN_CONNS;
    int maxIdleConns = Config.DEFAULT_MAX_IDLE_CONNS;
    Duration connMaxLifetime = Config.DEFAULT_CONN_MAX_LIFETIME;
    Duration connMaxIdleTime = Config.DEFAULT_CONN_MAX_IDLE_TIME;
    Duration notificationTimeout = Config.DEFAULT_NOTIFICATION_TIMEOUT;
    Duration reconnectInterval = Config.DEFAULT_RECONNECT_INTERVAL;
    int maxReconnectAttempts = Config.DEFAULT_MAX_RECONNECT_ATTEMPTS;

    @Nullable NotifyMode notifyMode;

    @Nullable String listenerConnectionString;

    int batchSize = Config.DEFAULT_BATCH_SIZE;
    boolean enablePreparedStmts = true;

    @Nullable Boolean allowAsync;

    int asyncLanes = Config.DEFAULT_ASYNC_LANES;
    boolean rejectAsyncWhenFull;

    long maxEventBytes = Config.DEFAULT_MAX_EVENT_BYTES;

    ConfigBuilder() {}

    /** Sets the connection string: {@code jdbc:postgresql://…}, or {@code postgres://user:password@host/database}; only for {@link PostgresEventStore#open} and {@link RealtimeEventStore#open}, which creates a dedicated pool. */
    public ConfigBuilder connectionString(@Nullable String connectionString) {
        this.connectionString = connectionString;
        return this;
    }

    /** Sets the username, unless the connection string contains it. */
    public ConfigBuilder username(@Nullable String username) {
        this.username = username;
        return this;
    }

    /** Sets the password, unless the connection string contains it. */
    public ConfigBuilder password(@Nullable String password) {
        this.password = password;
        return this;
    }

    /** Sets the schema of the events table and its functions. */
    public ConfigBuilder schema(String schema) {
        this.schema = schema;
        return this;
    }

    /** Sets the name of the events table. */
    public ConfigBuilder tableName(String tableName) {
        this.tableName = tableName;
        return this;
    }

    /** Sets the maximum size of the dedicated pool. */
    public ConfigBuilder maxOpenConns(int maxOpenConns) {
        this.maxOpenConns = maxOpenConns;
        return this;
    }

    /** Sets the minimum number of idle connections of the dedicated pool. */
    public ConfigBuilder maxIdleConns(int maxIdleConns) {
        this.maxIdleConns = maxIdleConns;
        return this;
    }

    /** Sets the maximum lifetime of a connection of the dedicated pool. */
    public ConfigBuilder connMaxLifetime(Duration connMaxLifetime) {
        this.connMaxLifetime = connMaxLifetime;
        return this;
    }

    /** Sets the time after which the dedicated pool closes idle connections above the minimum. */
    public ConfigBuilder connMaxIdleTime(Duration connMaxIdleTime) {
        this.connMaxIdleTime = connMaxIdleTime;
        return this;
    }

    /** Sets the maximum time between two reads of the listener without a notification. */
    public ConfigBuilder notificationTimeout(Duration notificationTimeout) {
        this.notificationTimeout = notificationTimeout;
        return this;
    }

    /** Sets the pause of the listener after its first failed attempt to connect. It becomes longer with each attempt, up to a minute. While the listener is not connected, it polls at this interval, or at the notification timeout if that is shorter. */
    public ConfigBuilder reconnectInterval(Duration reconnectInterval) {
        this.reconnectInterval = reconnectInterval;
        return this;
    }

    /** Sets the attempts after which the listener has failed. Then it polls, and tries again after a successful poll. */
    public ConfigBuilder maxReconnectAttempts(int maxReconnectAttempts) {
        this.maxReconnectAttempts = maxReconnectAttempts;
        return this;
    }

    /** Sets the notify mode of the table, if it is known. With OFF the listener polls and does not connect. Null to detect it. */
    public ConfigBuilder notifyMode(@Nullable NotifyMode notifyMode) {
        this.notifyMode = notifyMode;
        return this;
    }

    /** Sets the connection string of the listener of {@link RealtimeEventStore#open}, to bypass a connection pooler; null for that of the pool. */
    public ConfigBuilder listenerConnectionString(@Nullable String listenerConnectionString) {
        this.listenerConnectionString = listenerConnectionString;
        return this;
    }

    /** Sets the maximum number of events in a page without a limit, and in one fetch of a stream. */
    public ConfigBuilder batchSize(int batchSize) {
        this.batchSize = batchSize;
        return this;
    }

    /** Sets whether the driver keeps server-side prepared statements; false behind a pooler that does not support them. */
    public ConfigBuilder enablePreparedStmts(boolean enablePreparedStmts) {
        this.enablePreparedStmts = enablePreparedStmts;
        return this;
    }

    /** Sets whether {@code storeAsync} and {@code appendAsync} may use connections on threads of the store. Null to permit it only if all threads get the same kind of connection ({@link io.synckit.ConnectionSource#sameForAllThreads}). */
    public ConfigBuilder allowAsync(@Nullable Boolean allowAsync) {
        this.allowAsync = allowAsync;
        return this;
    }

    /**
     * Sets the number of lanes of {@code storeAsync} and {@code appendAsync}, 1 to 64. Each lane stores the events of some aggregates, group by
     * group, and uses one connection meanwhile. More than one helps callers that do not await their results, and makes groups smaller for those that do.
     */
    public ConfigBuilder asyncLanes(int asyncLanes) {
        this.asyncLanes = asyncLanes;
        return this;
    }

    /** Sets whether {@code storeAsync} and {@code appendAsync} reject events while too many wait, instead of blocking the caller. */
    public ConfigBuilder rejectAsyncWhenFull(boolean rejectAsyncWhenFull) {
        this.rejectAsyncWhenFull = rejectAsyncWhenFull;
        return this;
    }

    /** Sets the maximum size of an event: data and metadata together, in bytes of UTF-8. */
    public ConfigBuilder maxEventBytes(long maxEventBytes) {
        this.maxEventBytes = maxEventBytes;
        return this;
    }

    /**
     * Returns the settings.
     *
     * @throws InvalidConfigException if a value is invalid; its message contains the value
     */
    public Config build() {
        return new Config(this);
    }
}
