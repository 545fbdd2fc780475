package io.synckit;

/** A connection pooler in transaction mode is between the listener and the server, and does not deliver notifications. */
public class TransactionPoolerException extends InvalidConnectionException {

    private static final long serialVersionUID = 1;

    public TransactionPoolerException(String message) {
        super(message);
    }
}
