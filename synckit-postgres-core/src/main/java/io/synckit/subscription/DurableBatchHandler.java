package io.synckit.subscription;

import io.synckit.StoredEvent;
import java.util.List;

/** Handles the events of a durable subscription in batches. */
@FunctionalInterface
public interface DurableBatchHandler {

    /**
     * Handles a batch.
     *
     * @param events one or more events, in the order of versions
     * @throws Exception if the batch cannot be handled. It is tried again in smaller batches, until the failing event is alone
     */
    void handle(List<StoredEvent> events, EventContext context) throws Exception;
}
