package io.synckit.subscription;

import io.synckit.StoredEvent;

/** Handles the events of a durable subscription, one at a time. Events with the same key come in the order of versions. */
@FunctionalInterface
public interface DurableEventHandler {

    /** @throws Exception if the event cannot be handled. It is tried again according to the options */
    void handle(StoredEvent event, EventContext context) throws Exception;
}
