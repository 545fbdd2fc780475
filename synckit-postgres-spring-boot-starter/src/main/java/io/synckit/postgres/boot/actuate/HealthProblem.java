package io.synckit.postgres.boot.actuate;

import java.util.Locale;

/** The problems that health reports. */
enum HealthProblem {

    /** The database does not answer, or answers with an error. */
    DATABASE,

    /** The table is missing, has another version, or may not be read. */
    SCHEMA,

    /** Another application has migrated the table to a newer version. This one continues to work. */
    SCHEMA_NEWER,

    /** All attempts of the listener to connect have failed, and it polls. */
    LISTENER_FAILED,

    /** The listener is stopped, so no event is delivered. */
    LISTENER_STOPPED,

    /** The listener is not connected, and polls. */
    LISTENER_POLLING,

    /** A transaction that has stored events is open for too long, and holds back readers. */
    HORIZON_HELD,

    /** A partition of a durable subscription has stopped because of a failure. */
    SUBSCRIPTION_STOPPED,

    /** A partition of a durable subscription waits after failures, and tries the same event again. */
    SUBSCRIPTION_WAITING,

    /** No instance owns a partition of a durable subscription. */
    SUBSCRIPTION_UNOWNED,

    /** Events of a durable subscription are parked, and wait for an operator. */
    PARKED,

    /** A handler of a durable subscription has run for too long. */
    HANDLER_SLOW,

    /** Subscriptions or their reader lag. */
    LAG,

    /** The notification queue of the server is nearly full. */
    QUEUE,

    /** The log is not the one that was read, and subscriptions have ended. */
    HISTORY_CHANGED,

    /** The audit has found events that were not delivered. */
    LOSS;

    /** Returns the name in settings and details. */
    String key() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }
}
