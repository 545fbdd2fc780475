package io.synckit;

import org.jspecify.annotations.Nullable;

/**
 * The call cannot be made in the transaction of the caller: the transaction is read-only, an earlier statement of it has failed, its isolation
 * is REPEATABLE READ or SERIALIZABLE and the call reads the whole log, or the call needs a transaction of its own.
 */
public class UnusableTransactionException extends EventStoreException {

    private static final long serialVersionUID = 1;

    public UnusableTransactionException(String message) {
        this(message, null);
    }

    public UnusableTransactionException(String message, @Nullable Throwable cause) {
        super(message, cause);
    }
}
