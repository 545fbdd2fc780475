package io.synckit.postgres;

import io.synckit.InvalidConfigException;
import io.synckit.postgres.internal.append.EventEncoder;
import io.synckit.postgres.internal.sql.TableName;
import io.synckit.postgres.notification.NotificationListenerBuilder;
import io.synckit.postgres.schema.NotifyMode;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/** The settings of a store. Immutable and validated. The defaults are those of go-sync-kit. */
public final class Config {

    /** Default of {@link #schema}. */
    public static final String DEFAULT_SCHEMA = "synckit";

    /** Default of {@link #tableName}. */
    public static final String DEFAULT_TABLE_NAME = "events";

    /** Default of {@link #maxOpenConns}. */
    public static final int DEFAULT_MAX_OPEN_CONNS = 25;

    /** Default of {@link #maxIdleConns}. */
    public static final int DEFAULT_MAX_IDLE_CONNS = 10;

    /** Default of {@link #connMaxLifetime}. */
    public static final Duration DEFAULT_CONN_MAX_LIFETIME = Duration.ofHours(1);

    /** Default of {@link #connMaxIdleTime}. */
    public static final Duration DEFAULT_CONN_MAX_IDLE_TIME = Duration.ofMinutes(15);

    /** Default of {@link #notificationTimeout}. */
    public static final Duration DEFAULT_NOTIFICATION_TIMEOUT =
            NotificationListenerBuilder.DEFAULT_NOTIFICATION_TIMEOUT;

    /** Default of {@link #reconnectInterval}. */
    public static final Duration DEFAULT_RECONNECT_INTERVAL = NotificationListenerBuilder.DEFAULT_RECONNECT_INTERVAL;

    /** Default of {@link #maxReconnectAttempts}. */
    public static final int DEFAULT_MAX_RECONNECT_ATTEMPTS = NotificationListenerBuilder.DEFAULT_MAX_RECONNECT_ATTEMPTS;

    /** Default of {@link #batchSize}. */
    public static final int DEFAULT_BATCH_SIZE = 1000;

    /** Default of {@link #asyncLanes}. */
    public static final int DEFAULT_ASYNC_LANES = 1;

    /** Default maximum size of an event: data and metadata together, in bytes of UTF-8. */
    public static final long DEFAULT_MAX_EVENT_BYTES = 1024 * 1024;

    // HikariCP silently replaces shorter ones.
    private static final Duration MIN_LIFETIME = Duration.ofSeconds(30);
    private static final Duration MIN_IDLE_TIME = Duration.ofSeconds(10);
    private static final int MAX_ASYNC_LANES = 64;
    private static final Duration MIN_WAIT = Duration.ofMillis(1);

    private final @Nullable String connectionString;
    private final @Nullable String username;
    private final @Nullable String password;
    private final String schema;
    private final String tableName;
    private final int maxOpenConns;
    private final int maxIdleConns;
    private final Duration connMaxLifetime;
    private final Duration connMaxIdleTime;
    private final Duration notificationTimeout;
    private final Duration reconnectInterval;
    private final int maxReconnectAttempts;
    private final @Nullable NotifyMode notifyMode;
    private final @Nullable String listenerConnectionString;
    private final int batchSize;
    private final boolean enablePreparedStmts;
    private final @Nullable Boolean allowAsync;
    private final int asyncLanes;
    private final boolean rejectAsyncWhenFull;
    private final long maxEventBytes;

    /** @throws InvalidConfigException if a value is invalid; its message contains the value */
    Config(ConfigBuilder builder) {
        this.connectionString = builder.connectionString;
        this.username = builder.username;
        this.password = builder.password;
        this.schema = builder.schema;
        this.tableName = builder.tableName;
        this.maxOpenConns = builder.maxOpenConns;
        this.maxIdleConns = builder.maxIdleConns;
        this.connMaxLifetime = builder.connMaxLifetime;
        this.connMaxIdleTime = builder.connMaxIdleTime;
        this.notificationTimeout = builder.notificationTimeout;
        this.reconnectInterval = builder.reconnectInterval;
        this.maxReconnectAttempts = builder.maxReconnectAttempts;
        this.notifyMode = builder.notifyMode;
        this.listenerConnectionString = builder.listenerConnectionString;
        this.batchSize = builder.batchSize;
        this.enablePreparedStmts = builder.enablePreparedStmts;
        this.allowAsync = builder.allowAsync;
        this.asyncLanes = builder.asyncLanes;
        this.rejectAsyncWhenFull = builder.rejectAsyncWhenFull;
        this.maxEventBytes = builder.maxEventBytes;
        new TableName(schema, tableName);
        atLeast("maxOpenConns", 1, maxOpenConns);
        atLeast("maxIdleConns", 0, maxIdleConns);
        if (maxIdleConns > maxOpenConns) {
            throw new InvalidConfigException(
                    "maxIdleConns", "is " + maxIdleConns + ", more than maxOpenConns, which is " + maxOpenConns);
        }
        atLeast("connMaxLifetime", MIN_LIFETIME, connMaxLifetime);
        atLeast("connMaxIdleTime", MIN_IDLE_TIME, connMaxIdleTime);
        atLeast("notificationTimeout", MIN_WAIT, notificationTimeout);
        atLeast("reconnectInterval", MIN_WAIT, reconnectInterval);
        atLeast("maxReconnectAttempts", 1, maxReconnectAttempts);
        atLeast("batchSize", 1, batchSize);
        atLeast("asyncLanes", 1, asyncLanes);
        if (asyncLanes > MAX_ASYNC_LANES) {
            throw new InvalidConfigException(
                    "asyncLanes", "is " + asyncLanes + ", at most " + MAX_ASYNC_LANES + " are possible");
        }
        atLeast("maxEventBytes", 1L, maxEventBytes);
        if (maxEventBytes > EventEncoder.MAX_BATCH_BYTES) {
            throw new InvalidConfigException(
                    "maxEventBytes",
                    "is " + maxEventBytes + ", at most " + EventEncoder.MAX_BATCH_BYTES + " are possible");
        }
    }

    /** Returns all defaults, without a connection string, which only {@link PostgresEventStore#open} needs. */
    public static Config defaults() {
        return builder().build();
    }

    /** Returns a builder with all defaults. */
    public static ConfigBuilder builder() {
        return new ConfigBuilder();
    }

    private static <T extends Comparable<T>> void atLeast(String name, T min, T value) {
        if (value.compareTo(min) < 0) {
            throw new InvalidConfigException(name, "is " + value + ", at least " + min + " is needed");
        }
    }

    /** Returns the connection string: {@code jdbc:postgresql://…}, or {@code postgres://user:password@host/database}; only for {@link PostgresEventStore#open} and {@link RealtimeEventStore#open}, which creates a dedicated pool. */
    public @Nullable String connectionString() {
        return connectionString;
    }

    /** Returns the username, unless the connection string contains it. */
    public @Nullable String username() {
        return username;
    }

    /** Returns the password, unless the connection string contains it. */
    public @Nullable String password() {
        return password;
    }

    /** Returns the schema of the events table and its functions. */
    public String schema() {
        return schema;
    }

    /** Returns the name of the events table. */
    public String tableName() {
        return tableName;
    }

    /** Returns the maximum size of the dedicated pool. */
    public int maxOpenConns() {
        return maxOpenConns;
    }

    /** Returns the minimum number of idle connections of the dedicated pool. */
    public int maxIdleConns() {
        return maxIdleConns;
    }

    /** Returns the maximum lifetime of a connection of the dedicated pool. */
    public Duration connMaxLifetime() {
        return connMaxLifetime;
    }

    /** Returns the time after which the dedicated pool closes idle connections above the minimum. */
    public Duration connMaxIdleTime() {
        return connMaxIdleTime;
    }

    /** Returns the maximum time between two reads of the listener without a notification. */
    public Duration notificationTimeout() {
        return notificationTimeout;
    }

    /** Returns the pause of the listener after its first failed attempt to connect. It becomes longer with each attempt, up to a minute. While the listener is not connected, it polls at this interval, or at the notification timeout if that is shorter. */
    public Duration reconnectInterval() {
        return reconnectInterval;
    }

    /** Returns the attempts after which the listener has failed. Then it polls, and tries again after a successful poll. */
    public int maxReconnectAttempts() {
        return maxReconnectAttempts;
    }

    /** Returns the notify mode of the table, if it is known. With OFF the listener polls and does not connect. Null to detect it. */
    public @Nullable NotifyMode notifyMode() {
        return notifyMode;
    }

    /** Returns the connection string of the listener of {@link RealtimeEventStore#open}, to bypass a connection pooler; null for that of the pool. */
    public @Nullable String listenerConnectionString() {
        return listenerConnectionString;
    }

    /** Returns the maximum number of events in a page without a limit, and in one fetch of a stream. */
    public int batchSize() {
        return batchSize;
    }

    /** Returns whether the driver keeps server-side prepared statements; false behind a pooler that does not support them. */
    public boolean enablePreparedStmts() {
        return enablePreparedStmts;
    }

    /** Returns whether {@code storeAsync} and {@code appendAsync} may use connections on threads of the store. Null to permit it only if all threads get the same kind of connection ({@link io.synckit.ConnectionSource#sameForAllThreads}). */
    public @Nullable Boolean allowAsync() {
        return allowAsync;
    }

    /** Returns the number of lanes of {@code storeAsync} and {@code appendAsync}. */
    public int asyncLanes() {
        return asyncLanes;
    }

    /** Returns whether {@code storeAsync} and {@code appendAsync} reject events while too many wait, instead of blocking the caller. */
    public boolean rejectAsyncWhenFull() {
        return rejectAsyncWhenFull;
    }

    /** Returns the maximum size of an event: data and metadata together, in bytes of UTF-8. */
    public long maxEventBytes() {
        return maxEventBytes;
    }

    /** Returns a text without the password and the connection string, which may contain it. */
    @Override
    public String toString() {
        return "Config[" + schema + "." + tableName + "]";
    }
}
