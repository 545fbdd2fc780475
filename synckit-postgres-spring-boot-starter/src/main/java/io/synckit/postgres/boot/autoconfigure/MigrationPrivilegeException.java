package io.synckit.postgres.boot.autoconfigure;

import io.synckit.InvalidConnectionException;

/** The role of the migration may not migrate. */
final class MigrationPrivilegeException extends InvalidConnectionException {

    private static final long serialVersionUID = 1;

    MigrationPrivilegeException(InvalidConnectionException cause) {
        super(Reason.MISSING_PRIVILEGE, String.valueOf(cause.getMessage()), cause);
    }
}
