package io.synckit.postgres.notification;

/** A live callback that needs no more of an event than its keys. One call at a time for each subscription, in the order of versions. */
@FunctionalInterface
public interface NotificationHandler {

    /** @throws Exception is logged; the subscription goes on with the next event */
    void handle(NotificationPayload payload) throws Exception;
}
