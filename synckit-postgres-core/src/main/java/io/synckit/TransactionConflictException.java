package io.synckit;

import org.jspecify.annotations.Nullable;

/** A concurrent transaction got in the way (deadlock, serialization failure). Nothing is stored, and the
 * caller's transaction can only be rolled back and tried again as a whole. */
public class TransactionConflictException extends EventStoreException {

    private static final long serialVersionUID = 1;

    public TransactionConflictException(String message) {
        this(message, null);
    }

    public TransactionConflictException(String message, @Nullable Throwable cause) {
        super(message, cause);
    }
}
