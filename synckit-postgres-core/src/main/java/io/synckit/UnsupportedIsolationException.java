package io.synckit;

/** The whole log cannot be read in this transaction, because its snapshot is older than the horizon, so that events could be skipped. */
public class UnsupportedIsolationException extends EventStoreException {

    private static final long serialVersionUID = 1;

    public UnsupportedIsolationException(String isolation) {
        super("Reading the log in a transaction with isolation '" + isolation
                + "' could skip events, because its snapshot is older than the read; use READ COMMITTED, or read outside the"
                + " transaction");
    }
}
