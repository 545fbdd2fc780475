package io.synckit.postgres.boot.actuate;

import java.util.Locale;

/** What can be wrong. */
enum HealthProblem {

    /** The database does not answer, or not as it should. */
    DATABASE,

    /** The table is not there, not this library's, or may not be read. */
    SCHEMA,

    /** Another application has migrated the table to a newer version; this one goes on with what it knows. */
    SCHEMA_NEWER,

    /** The listener has given up after its last attempt, and polls. */
    LISTENER_FAILED,

    /** The listener is stopped: nothing is delivered. */
    LISTENER_STOPPED,

    /** The listener is not connected, and polls. */
    LISTENER_POLLING,

    /** A transaction that has stored something is open for long, and readers wait for it. */
    HORIZON_HELD,

    /** Subscriptions, or their reader, are behind. */
    LAG,

    /** The server's notification queue fills up. */
    QUEUE,

    /** The log is not the one that was read, and subscriptions have ended. */
    HISTORY_CHANGED,

    /** The auditor has found events that were not delivered. */
    LOSS;

    /** As in the settings. */
    String key() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }
}
