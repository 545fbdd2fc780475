package io.synckit;

import org.jspecify.annotations.Nullable;

/**
 * The append conflicts with a concurrent transaction (deadlock, serialization failure, lock timeout). Nothing is stored. Roll back the
 * transaction of the caller, and retry it as a whole.
 */
public class TransactionConflictException extends EventStoreException {

    private static final long serialVersionUID = 1;

    public TransactionConflictException(String message) {
        this(message, null);
    }

    public TransactionConflictException(String message, @Nullable Throwable cause) {
        super(message, cause);
    }
}
