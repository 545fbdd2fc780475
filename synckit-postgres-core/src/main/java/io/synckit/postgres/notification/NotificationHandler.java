package io.synckit.postgres.notification;

/** Handles the notifications of a live subscription, one at a time, in the order of versions. */
@FunctionalInterface
public interface NotificationHandler {

    /** @throws Exception if the notification cannot be handled. It is logged, and the notification is skipped */
    void handle(NotificationPayload payload) throws Exception;
}
