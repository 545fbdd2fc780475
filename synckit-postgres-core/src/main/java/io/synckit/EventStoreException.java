package io.synckit;

import org.jspecify.annotations.Nullable;

/** A failure of the event store. Subclasses name the cause. Unchecked, so that a declarative transaction rolls back. */
public class EventStoreException extends RuntimeException {

    private static final long serialVersionUID = 1;

    public EventStoreException(String message) {
        this(message, null);
    }

    public EventStoreException(String message, @Nullable Throwable cause) {
        super(message, cause);
    }
}
