package io.synckit;

import org.jspecify.annotations.Nullable;

/**
 * The caller's transaction cannot store anything: it is read-only, or an earlier statement in it failed; or the call is not for
 * transactions.
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
