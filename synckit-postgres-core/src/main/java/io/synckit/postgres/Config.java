package io.synckit.postgres;

import io.synckit.EventLimits;
import io.synckit.InvalidConfigException;
import io.synckit.postgres.internal.sql.TableName;
import io.synckit.postgres.notification.NotificationListenerBuilder;
import io.synckit.postgres.schema.NotifyMode;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * The settings of a store. Immutable and validated.
 *
 * @param connectionString {@code jdbc:postgresql://…}, or {@code postgres://user:password@host/database}; only for
 *     {@link PostgresEventStore#open}, which creates a dedicated pool
 * @param username if it is not in the connection string
 * @param password if it is not in the connection string
 * @param schema schema of the events table and its functions
 * @param tableName name of the events table
 * @param maxOpenConns maximum size of the dedicated pool
 * @param maxIdleConns minimum number of idle connections of the dedicated pool
 * @param connMaxLifetime maximum lifetime of a connection of the dedicated pool
 * @param connMaxIdleTime time after which the dedicated pool closes idle connections above the minimum
 * @param notificationTimeout maximum time between two reads of the listener without a notification
 * @param reconnectInterval pause of the listener after its first failed attempt to connect. It becomes longer with each attempt, up to a
 *     minute. While the listener is not connected, it polls at this interval
 * @param maxReconnectAttempts attempts after which the listener has failed. Then it polls, and tries again after a successful poll
 * @param notifyMode the notify mode of the table, if it is known. With OFF the listener polls and does not connect. Null to detect it
 * @param listenerConnectionString connection string of the listener of {@link RealtimeEventStore#open}, to bypass a connection pooler; null
 *     for that of the pool
 * @param batchSize maximum number of events in a page without a limit, and in one fetch of a stream
 * @param enablePreparedStmts whether the driver keeps server-side prepared statements; false behind a pooler that does not support them
 * @param allowAsync whether {@code storeAsync} may use connections on threads of the store. Null to permit it only if all threads get the
 *     same kind of connection ({@link io.synckit.ConnectionSource#sameForAllThreads})
 * @param maxEventBytes maximum size of an event: data and metadata together, in bytes of UTF-8
 */
public record Config(
        @Nullable String connectionString,
        @Nullable String username,
        @Nullable String password,
        String schema,
        String tableName,
        int maxOpenConns,
        int maxIdleConns,
        Duration connMaxLifetime,
        Duration connMaxIdleTime,
        Duration notificationTimeout,
        Duration reconnectInterval,
        int maxReconnectAttempts,
        @Nullable NotifyMode notifyMode,
        @Nullable String listenerConnectionString,
        int batchSize,
        boolean enablePreparedStmts,
        @Nullable Boolean allowAsync,
        long maxEventBytes) {

    public static final String DEFAULT_SCHEMA = "synckit";
    public static final String DEFAULT_TABLE_NAME = "events";
    public static final int DEFAULT_MAX_OPEN_CONNS = 25;
    public static final int DEFAULT_MAX_IDLE_CONNS = 10;
    public static final Duration DEFAULT_CONN_MAX_LIFETIME = Duration.ofHours(1);
    public static final Duration DEFAULT_CONN_MAX_IDLE_TIME = Duration.ofMinutes(15);
    public static final Duration DEFAULT_NOTIFICATION_TIMEOUT =
            NotificationListenerBuilder.DEFAULT_NOTIFICATION_TIMEOUT;
    public static final Duration DEFAULT_RECONNECT_INTERVAL = NotificationListenerBuilder.DEFAULT_RECONNECT_INTERVAL;
    public static final int DEFAULT_MAX_RECONNECT_ATTEMPTS = NotificationListenerBuilder.DEFAULT_MAX_RECONNECT_ATTEMPTS;
    public static final int DEFAULT_BATCH_SIZE = 1000;

    // HikariCP silently replaces shorter ones.
    private static final Duration SHORTEST_LIFETIME = Duration.ofSeconds(30);
    private static final Duration SHORTEST_IDLE_TIME = Duration.ofSeconds(10);
    private static final Duration SHORTEST_WAIT = Duration.ofMillis(1);

    /** @throws InvalidConfigException if a value is invalid; its message contains the value */
    public Config {
        new TableName(schema, tableName);
        atLeast("maxOpenConns", 1, maxOpenConns);
        atLeast("maxIdleConns", 0, maxIdleConns);
        if (maxIdleConns > maxOpenConns) {
            throw new InvalidConfigException(
                    "maxIdleConns", "is " + maxIdleConns + ", more than maxOpenConns, which is " + maxOpenConns);
        }
        atLeast("connMaxLifetime", SHORTEST_LIFETIME, connMaxLifetime);
        atLeast("connMaxIdleTime", SHORTEST_IDLE_TIME, connMaxIdleTime);
        atLeast("notificationTimeout", SHORTEST_WAIT, notificationTimeout);
        atLeast("reconnectInterval", SHORTEST_WAIT, reconnectInterval);
        atLeast("maxReconnectAttempts", 1, maxReconnectAttempts);
        atLeast("batchSize", 1, batchSize);
        atLeast("maxEventBytes", 1L, maxEventBytes);
        if (maxEventBytes > EventLimits.MAX_BATCH_BYTES) {
            throw new InvalidConfigException(
                    "maxEventBytes",
                    "is " + maxEventBytes + ", at most " + EventLimits.MAX_BATCH_BYTES + " are possible");
        }
    }

    /** Returns all defaults, without a connection string, which only {@link PostgresEventStore#open} needs. */
    public static Config defaults() {
        return builder().build();
    }

    public static Builder builder() {
        return new Builder();
    }

    private static <T extends Comparable<T>> void atLeast(String what, T least, T value) {
        if (value.compareTo(least) < 0) {
            throw new InvalidConfigException(what, "is " + value + ", at least " + least + " is needed");
        }
    }

    /** Returns a text without the password and the connection string, which may contain it. */
    @Override
    public String toString() {
        return "Config[" + schema + "." + tableName + "]";
    }

    /** Starts from the defaults. */
    public static final class Builder {

        private @Nullable String connectionString;
        private @Nullable String username;
        private @Nullable String password;
        private String schema = DEFAULT_SCHEMA;
        private String tableName = DEFAULT_TABLE_NAME;
        private int maxOpenConns = DEFAULT_MAX_OPEN_CONNS;
        private int maxIdleConns = DEFAULT_MAX_IDLE_CONNS;
        private Duration connMaxLifetime = DEFAULT_CONN_MAX_LIFETIME;
        private Duration connMaxIdleTime = DEFAULT_CONN_MAX_IDLE_TIME;
        private Duration notificationTimeout = DEFAULT_NOTIFICATION_TIMEOUT;
        private Duration reconnectInterval = DEFAULT_RECONNECT_INTERVAL;
        private int maxReconnectAttempts = DEFAULT_MAX_RECONNECT_ATTEMPTS;
        private @Nullable NotifyMode notifyMode;
        private @Nullable String listenerConnectionString;
        private int batchSize = DEFAULT_BATCH_SIZE;
        private boolean enablePreparedStmts = true;
        private @Nullable Boolean allowAsync;
        private long maxEventBytes = EventLimits.DEFAULT_MAX_EVENT_BYTES;

        private Builder() {}

        public Builder connectionString(@Nullable String connectionString) {
            this.connectionString = connectionString;
            return this;
        }

        public Builder username(@Nullable String username) {
            this.username = username;
            return this;
        }

        public Builder password(@Nullable String password) {
            this.password = password;
            return this;
        }

        public Builder schema(String schema) {
            this.schema = schema;
            return this;
        }

        public Builder tableName(String tableName) {
            this.tableName = tableName;
            return this;
        }

        public Builder maxOpenConns(int maxOpenConns) {
            this.maxOpenConns = maxOpenConns;
            return this;
        }

        public Builder maxIdleConns(int maxIdleConns) {
            this.maxIdleConns = maxIdleConns;
            return this;
        }

        public Builder connMaxLifetime(Duration connMaxLifetime) {
            this.connMaxLifetime = connMaxLifetime;
            return this;
        }

        public Builder connMaxIdleTime(Duration connMaxIdleTime) {
            this.connMaxIdleTime = connMaxIdleTime;
            return this;
        }

        public Builder notificationTimeout(Duration notificationTimeout) {
            this.notificationTimeout = notificationTimeout;
            return this;
        }

        public Builder reconnectInterval(Duration reconnectInterval) {
            this.reconnectInterval = reconnectInterval;
            return this;
        }

        public Builder maxReconnectAttempts(int maxReconnectAttempts) {
            this.maxReconnectAttempts = maxReconnectAttempts;
            return this;
        }

        public Builder notifyMode(@Nullable NotifyMode notifyMode) {
            this.notifyMode = notifyMode;
            return this;
        }

        public Builder listenerConnectionString(@Nullable String listenerConnectionString) {
            this.listenerConnectionString = listenerConnectionString;
            return this;
        }

        public Builder batchSize(int batchSize) {
            this.batchSize = batchSize;
            return this;
        }

        public Builder enablePreparedStmts(boolean enablePreparedStmts) {
            this.enablePreparedStmts = enablePreparedStmts;
            return this;
        }

        public Builder allowAsync(@Nullable Boolean allowAsync) {
            this.allowAsync = allowAsync;
            return this;
        }

        public Builder maxEventBytes(long maxEventBytes) {
            this.maxEventBytes = maxEventBytes;
            return this;
        }

        /** @throws InvalidConfigException if a value is invalid */
        public Config build() {
            return new Config(
                    connectionString,
                    username,
                    password,
                    schema,
                    tableName,
                    maxOpenConns,
                    maxIdleConns,
                    connMaxLifetime,
                    connMaxIdleTime,
                    notificationTimeout,
                    reconnectInterval,
                    maxReconnectAttempts,
                    notifyMode,
                    listenerConnectionString,
                    batchSize,
                    enablePreparedStmts,
                    allowAsync,
                    maxEventBytes);
        }
    }
}
