package io.synckit.postgres.boot.autoconfigure;

import io.synckit.InvalidConnectionException;

/** The listener's first connection failed, and the start shall fail then. */
final class ListenerRequiredException extends InvalidConnectionException {

    private static final long serialVersionUID = 1;

    ListenerRequiredException(InvalidConnectionException cause) {
        super(cause.reason(), String.valueOf(cause.getMessage()), cause);
    }
}
