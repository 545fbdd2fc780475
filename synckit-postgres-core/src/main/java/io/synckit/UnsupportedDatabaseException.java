package io.synckit;

/** The database is not supported: it is not PostgreSQL, it is too old, its encoding is not UTF8, or it is a standby. */
public class UnsupportedDatabaseException extends InvalidConnectionException {

    private static final long serialVersionUID = 1;

    public UnsupportedDatabaseException(String message) {
        super(message);
    }
}
