package io.synckit.postgres.boot.actuate;

import io.synckit.InvalidConfigException;
import java.time.Duration;
import java.util.Set;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;

/**
 * When the health indicator reports a problem. A database that does not answer and a schema that does not fit are DOWN in any case.
 *
 * @param downFor Problems that set the health to DOWN, besides database and schema: any of schema-newer, listener-failed, listener-stopped, listener-polling, horizon-held, subscription-stopped, subscription-waiting, subscription-unowned, parked, handler-slow, lag, queue, history-changed and loss. Other problems are reported in the details while the health is UP.
 * @param maxHorizonDelay Maximum age of a transaction that holds back readers, before it is a problem.
 * @param maxLag Maximum lag of subscriptions and of the reader, before it is a problem.
 * @param maxHandlerTime Maximum duration of a handler call of a durable subscription, before it is a problem.
 * @param maxQueueUsage Maximum usage of the server's notification queue, above 0 and at most 1, before it is a problem.
 * @param timeout Maximum time to wait for the database.
 */
@ConfigurationProperties("synckit.postgres.health")
record SynckitHealthProperties(
        @DefaultValue("listener-failed") Set<HealthProblem> downFor,
        @DefaultValue("30s") Duration maxHorizonDelay,
        @DefaultValue("30s") Duration maxLag,
        @DefaultValue("1m") Duration maxHandlerTime,
        @DefaultValue("0.5") double maxQueueUsage,
        @DefaultValue("2s") Duration timeout) {

    private static final Duration LONGEST = Duration.ofDays(365);

    /** @throws InvalidConfigException if a value is invalid */
    SynckitHealthProperties {
        requirePositive("health.max-horizon-delay", maxHorizonDelay);
        requirePositive("health.max-lag", maxLag);
        requirePositive("health.max-handler-time", maxHandlerTime);
        requirePositive("health.timeout", timeout);
        if (!(maxQueueUsage > 0 && maxQueueUsage <= 1)) {
            throw new InvalidConfigException(
                    "health.max-queue-usage", "is " + maxQueueUsage + ", it must be above 0 and at most 1");
        }
    }

    private static void requirePositive(String setting, Duration value) {
        if (value.isNegative() || value.isZero() || value.compareTo(LONGEST) > 0) {
            throw new InvalidConfigException(setting, "is " + value + ", it must be above 0 and at most 365 days");
        }
    }
}
