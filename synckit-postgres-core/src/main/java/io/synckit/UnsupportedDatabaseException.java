package io.synckit;

/** The database is reached, and is not one that the store works with: not PostgreSQL, too old, another encoding than UTF8, a standby. */
public class UnsupportedDatabaseException extends InvalidConnectionException {

    private static final long serialVersionUID = 1;

    public UnsupportedDatabaseException(String message) {
        super(message);
    }
}
