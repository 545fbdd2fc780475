package io.synckit.postgres.notification;

import io.synckit.StoredEvent;

/** A live callback with the whole event. One call at a time for each subscription, in the order of versions. */
@FunctionalInterface
public interface StoredEventHandler {

    /** @throws Exception is logged; the subscription goes on with the next event */
    void handle(StoredEvent event) throws Exception;
}
