package io.synckit.postgres.notification;

import io.synckit.ConnectionSource;
import io.synckit.Instrumentation;
import io.synckit.InvalidConfigException;
import io.synckit.JsonCodec;
import io.synckit.postgres.schema.NotifyMode;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.Executor;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/** Builds a {@link NotificationListener}. The defaults are those of go-sync-kit. Not thread-safe. */
public final class NotificationListenerBuilder {

    /** The longest time between two reads without a notification. */
    public static final Duration DEFAULT_NOTIFICATION_TIMEOUT = Duration.ofSeconds(30);

    /** The pause after the first failed attempt to connect. */
    public static final Duration DEFAULT_RECONNECT_INTERVAL = Duration.ofSeconds(5);

    /** Attempts to connect after which the listener has failed. */
    public static final int DEFAULT_MAX_RECONNECT_ATTEMPTS = 10;

    /** Time between the delivery of events and their comparison with the table. */
    public static final Duration DEFAULT_AUDIT_DELAY = Duration.ofMinutes(1);

    /** How long {@link NotificationListener#close} waits for running handlers. */
    public static final Duration DEFAULT_CLOSE_TIMEOUT = Duration.ofSeconds(30);

    /** Time after which a process counts as dead for durable subscriptions if the server receives nothing from it. */
    public static final Duration DEFAULT_OWNER_TIMEOUT = Duration.ofSeconds(30);

    /** Handlers that may run at the same time if no executor is given. */
    public static final int DEFAULT_HANDLER_THREADS = 64;

    private static final Duration MIN = Duration.ofMillis(1);
    private static final Duration MIN_OWNER_TIMEOUT = Duration.ofSeconds(1);
    private static final Duration MAX_SILENCE = Duration.ofSeconds(10);
    private static final Duration MAX = Duration.ofDays(365);

    final DataSource physical;
    final ConnectionSource pool;
    final JsonCodec json;
    String schema = "synckit";
    String tableName = "events";
    Duration notificationTimeout = DEFAULT_NOTIFICATION_TIMEOUT;
    Duration reconnectInterval = DEFAULT_RECONNECT_INTERVAL;
    int maxReconnectAttempts = DEFAULT_MAX_RECONNECT_ATTEMPTS;

    @Nullable NotifyMode notifyMode;

    int batchSize = 1000;
    boolean enablePreparedStmts = true;
    Duration callTimeout = Duration.ofSeconds(10);

    @Nullable Executor handlers;

    Instrumentation instrumentation = Instrumentation.NONE;

    @Nullable Duration auditDelay = DEFAULT_AUDIT_DELAY;

    Duration closeTimeout = DEFAULT_CLOSE_TIMEOUT;

    Duration ownerTimeout = DEFAULT_OWNER_TIMEOUT;
    String processName = ProcessName.ofThisProcess();

    NotificationListenerBuilder(DataSource physical, ConnectionSource pool, JsonCodec json) {
        this.physical = physical;
        this.pool = pool;
        this.json = json;
    }

    /** Sets the events table. The default is {@code synckit.events}. */
    public NotificationListenerBuilder table(String schema, String tableName) {
        this.schema = schema;
        this.tableName = tableName;
        return this;
    }

    /** Sets the longest time between two reads without a notification. The default is 30 s. */
    public NotificationListenerBuilder withNotificationTimeout(Duration timeout) {
        this.notificationTimeout = positive("notificationTimeout", timeout);
        return this;
    }

    /**
     * Sets how the listener reconnects. The defaults are 5 s and 10 attempts.
     *
     * @param interval the pause after the first failed attempt. It becomes longer with each attempt, up to a minute
     * @param maxAttempts attempts after which the listener has failed. Then it polls, and tries again after a successful poll
     */
    public NotificationListenerBuilder withReconnectSettings(Duration interval, int maxAttempts) {
        this.reconnectInterval = positive("reconnectInterval", interval);
        if (maxAttempts < 1) {
            throw new InvalidConfigException("maxReconnectAttempts", "is " + maxAttempts + ", at least 1 is needed");
        }
        this.maxReconnectAttempts = maxAttempts;
        return this;
    }

    /** Sets the notify mode of the table. With OFF the listener polls and does not connect. By default it detects the mode. */
    public NotificationListenerBuilder notifyMode(@Nullable NotifyMode mode) {
        this.notifyMode = mode;
        return this;
    }

    /** Sets the maximum number of events in a page. The default is 1000. */
    public NotificationListenerBuilder batchSize(int events) {
        if (events < 1) {
            throw new InvalidConfigException("batchSize", "is " + events + ", at least 1 is needed");
        }
        this.batchSize = events;
        return this;
    }

    /** Sets whether the driver keeps server-side prepared statements. The default is true. */
    public NotificationListenerBuilder enablePreparedStmts(boolean enable) {
        this.enablePreparedStmts = enable;
        return this;
    }

    /** Sets the time after which a database call counts as hanging, so that its connection is aborted. The default is 10 s. */
    public NotificationListenerBuilder longestCall(Duration limit) {
        this.callTimeout = positive("longestCall", limit);
        return this;
    }

    /**
     * Sets the executor of handlers. The listener does not close it. By default there are up to {@value
     * #DEFAULT_HANDLER_THREADS} threads.
     */
    public NotificationListenerBuilder handlers(Executor executor) {
        this.handlers = executor;
        return this;
    }

    /** Sets the instrumentation of handler calls. */
    public NotificationListenerBuilder instrumentation(Instrumentation instrumentation) {
        this.instrumentation = instrumentation;
        return this;
    }

    /** Sets the time after which delivered events are compared with the table; null for no audit. The default is a minute. */
    public NotificationListenerBuilder auditDelay(@Nullable Duration delay) {
        this.auditDelay = Optional.ofNullable(delay)
                .map(set -> positive("auditDelay", set))
                .orElse(null);
        return this;
    }

    /** Sets how long {@link NotificationListener#close} waits for running handlers. Zero for no wait. The default is 30 s. */
    public NotificationListenerBuilder closeTimeout(Duration limit) {
        this.closeTimeout = limit.isZero() ? limit : positive("closeTimeout", limit);
        return this;
    }

    /**
     * Sets after which time a process counts as dead for durable subscriptions, if the server receives nothing from it, for example
     * because it is suspended. The default is 30 s. A process that ends, or whose host vanishes, is usually noticed earlier. The listener sends a query at least every third of
     * this time.
     *
     * @throws InvalidConfigException if it is below a second
     */
    public NotificationListenerBuilder ownerTimeout(Duration timeout) {
        if (timeout.compareTo(MIN_OWNER_TIMEOUT) < 0) {
            throw new InvalidConfigException("ownerTimeout", "is " + timeout + ", at least 1 s is needed");
        }
        this.ownerTimeout = positive("ownerTimeout", timeout);
        return this;
    }

    /** Returns the default name of this process: its host and process id. */
    public static String defaultProcessName() {
        return ProcessName.ofThisProcess();
    }

    /** Names this process in the status of durable subscriptions. The default is {@link #defaultProcessName()}. */
    public NotificationListenerBuilder processName(String name) {
        this.processName = name;
        return this;
    }

    /** Returns how long a stop waits for handlers of durable subscriptions, which are given to other processes meanwhile. */
    Duration stopTimeout() {
        return closeTimeout.isZero() ? DEFAULT_CLOSE_TIMEOUT : closeTimeout;
    }

    /** Returns the longest time between two queries of the listener. */
    Duration maxSilence() {
        Duration third = ownerTimeout.dividedBy(3);
        return third.compareTo(MAX_SILENCE) < 0 ? third : MAX_SILENCE;
    }

    private static Duration positive(String name, Duration value) {
        if (value.compareTo(MIN) < 0) {
            throw new InvalidConfigException(name, "is " + value + ", at least 1 ms is needed");
        }
        return value.compareTo(MAX) > 0 ? MAX : value;
    }

    /** Returns a listener that is not started. */
    public NotificationListener build() {
        return new NotificationListener(this);
    }
}
