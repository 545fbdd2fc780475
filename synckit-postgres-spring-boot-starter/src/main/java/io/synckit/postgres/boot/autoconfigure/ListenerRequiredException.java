package io.synckit.postgres.boot.autoconfigure;

import io.synckit.InvalidConnectionException;

/** The first connection of the listener has failed, and the settings require it for the start. */
final class ListenerRequiredException extends InvalidConnectionException {

    private static final long serialVersionUID = 1;

    ListenerRequiredException(InvalidConnectionException cause) {
        super(cause.reason(), String.valueOf(cause.getMessage()), cause);
    }
}
