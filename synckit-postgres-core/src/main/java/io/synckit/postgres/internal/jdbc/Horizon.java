package io.synckit.postgres.internal.jdbc;

import io.synckit.UnsupportedDatabaseException;

/**
 * How far the log is decided.
 *
 * @param stable the last event of which everything at or below is committed and visible to a later statement, or gone for good
 * @param decided the highest version of which that is so
 * @param head the highest version given out
 * @param ringing whether a transaction holds the bell
 * @param isolation of the transaction that asked, as PostgreSQL names it
 * @param standby whether the server is a hot standby, which sees no locks of the writers
 */
public record Horizon(long stable, long decided, long head, boolean ringing, String isolation, boolean standby) {

    /** Whether more may follow without another bell: a writer is announced, or one that has skipped the bell is about to end. */
    public boolean moreMayFollow() {
        return decided < head || ringing;
    }

    /** Whether each statement of the transaction that asked sees what was committed before it. */
    public boolean readsOn() {
        return isolation.equals("read committed") || isolation.equals("read uncommitted");
    }

    /** @throws UnsupportedDatabaseException if the server is a standby, where the horizon means nothing */
    public Horizon requirePrimary() {
        if (standby) {
            throw new UnsupportedDatabaseException(
                    "the server is a standby, where the transactions in flight cannot be seen;"
                            + " read from the primary (targetServerType=primary in the URL)");
        }
        return this;
    }
}
