package io.synckit;

import org.jspecify.annotations.Nullable;

/** The database role lacks a privilege that the store needs. */
public class MissingPrivilegeException extends EventStoreException {

    private static final long serialVersionUID = 1;

    public MissingPrivilegeException(String message) {
        this(message, null);
    }

    public MissingPrivilegeException(String message, @Nullable Throwable cause) {
        super(message, cause);
    }
}
