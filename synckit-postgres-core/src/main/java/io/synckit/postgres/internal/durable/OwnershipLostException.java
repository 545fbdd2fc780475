package io.synckit.postgres.internal.durable;

import io.synckit.EventStoreException;
import io.synckit.postgres.internal.sql.PartitionId;

/** This process does not own the partition any more. Rolls back the transaction of a handler. */
final class OwnershipLostException extends EventStoreException {

    private static final long serialVersionUID = 1;

    OwnershipLostException(PartitionId partition) {
        super(partition + " has another owner, or was moved; the transaction of the handler is rolled back");
    }
}
