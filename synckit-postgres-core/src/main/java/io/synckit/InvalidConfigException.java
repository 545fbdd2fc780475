package io.synckit;

import org.jspecify.annotations.Nullable;

/** A setting has a value that it cannot have. */
public class InvalidConfigException extends EventStoreException {

    private static final long serialVersionUID = 1;

    public InvalidConfigException(String message) {
        this(message, null);
    }

    public InvalidConfigException(String message, @Nullable Throwable cause) {
        super(message, cause);
    }
}
