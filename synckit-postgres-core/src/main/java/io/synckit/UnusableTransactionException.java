package io.synckit;

import org.jspecify.annotations.Nullable;

/** The transaction of the caller cannot be used: it is read-only, an earlier statement has failed, or the call does not permit one. */
public class UnusableTransactionException extends EventStoreException {

    private static final long serialVersionUID = 1;

    public UnusableTransactionException(String message) {
        this(message, null);
    }

    public UnusableTransactionException(String message, @Nullable Throwable cause) {
        super(message, cause);
    }
}
