package io.synckit.postgres.internal.sql;

import io.synckit.InvalidConnectionException;

/**
 * The highest version below which no transaction can still commit.
 *
 * @param stable the version of the last event at or below {@code settled}, or 0. Every event at or below it is visible to a later statement
 * @param settled the highest version at or below which no transaction can still commit
 * @param head the highest version given out
 * @param doorbellHeld whether a transaction holds the doorbell lock
 * @param isolation the isolation level of the transaction that read the horizon, as PostgreSQL names it
 * @param standby whether the server is a hot standby, which does not see the locks of writers
 * @param serverStart see {@link ServerStart}
 */
public record Horizon(
        long stable,
        long settled,
        long head,
        boolean doorbellHeld,
        String isolation,
        boolean standby,
        long serverStart) {

    /** Returns whether events may follow without a notification: a writer is announced, or one that did not notify is about to end. */
    public boolean moreMayFollow() {
        return settled < head || doorbellHeld;
    }

    /** Returns whether each statement of that transaction sees everything that was committed before the statement. */
    public boolean readsOn() {
        return isolation.equals("read committed") || isolation.equals("read uncommitted");
    }

    /** @throws InvalidConnectionException if the server is a standby, where no horizon exists */
    public Horizon requirePrimary() {
        if (standby) {
            throw new InvalidConnectionException(
                    InvalidConnectionException.Reason.UNSUPPORTED_DATABASE,
                    "the server is a standby, where open transactions of the primary are not visible;"
                            + " read from the primary (targetServerType=primary in the URL)");
        }
        return this;
    }
}
