package io.synckit;

/** The store is closed. */
public class StoreClosedException extends EventStoreException {

    private static final long serialVersionUID = 1;

    public StoreClosedException(String operation) {
        super(operation + " after close(): this store is closed; use one that is open, and close it last");
    }
}
