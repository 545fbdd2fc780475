package io.synckit;

/** Between the listener and the server is a connection pooler in transaction mode, through which notifications never come. */
public class TransactionPoolerException extends InvalidConnectionException {

    private static final long serialVersionUID = 1;

    public TransactionPoolerException(String message) {
        super(message);
    }
}
