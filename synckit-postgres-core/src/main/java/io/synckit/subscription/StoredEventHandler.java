package io.synckit.subscription;

import io.synckit.StoredEvent;

/** Handles the events of a live subscription, one at a time, in the order of versions. */
@FunctionalInterface
public interface StoredEventHandler {

    /** @throws Exception if the event cannot be handled. It is logged, and the event is skipped */
    void handle(StoredEvent event) throws Exception;
}
