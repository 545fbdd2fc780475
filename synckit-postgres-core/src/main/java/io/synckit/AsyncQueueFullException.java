package io.synckit;

/**
 * Too many events of {@code storeAsync} and {@code appendAsync} wait, and the store is configured to reject instead of blocking the caller.
 * Nothing is accepted. Call again later.
 */
public final class AsyncQueueFullException extends EventStoreException {

    private static final long serialVersionUID = 1;

    /**
     * @param operation name of the call
     * @param rejected names the rejected events
     * @param events number of events that wait
     * @param bytes approximate size of the events that wait
     */
    public AsyncQueueFullException(String operation, String rejected, int events, long bytes) {
        super(
                operation + " has not accepted " + rejected + ", because " + events + " events (" + bytes
                        + " bytes) wait already; call it again later, or let it wait (synckit.postgres.reject-async-when-full: false)");
    }
}
