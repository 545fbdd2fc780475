package io.synckit.postgres.boot.autoconfigure;

import io.synckit.MissingPrivilegeException;

/** The role of the migration may not migrate. */
final class MigrationPrivilegeException extends MissingPrivilegeException {

    private static final long serialVersionUID = 1;

    MigrationPrivilegeException(MissingPrivilegeException cause) {
        super(String.valueOf(cause.getMessage()), cause);
    }
}
