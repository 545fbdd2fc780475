package io.synckit;

/** A read of the whole log in a transaction whose snapshot is older than what is decided now: it could skip events. */
public class UnsupportedIsolationException extends EventStoreException {

    private static final long serialVersionUID = 1;

    public UnsupportedIsolationException(String isolation) {
        super("Reading the log in a transaction with isolation '" + isolation
                + "' could skip events, since its snapshot is older than the read; use READ COMMITTED, or read outside the"
                + " transaction");
    }
}
