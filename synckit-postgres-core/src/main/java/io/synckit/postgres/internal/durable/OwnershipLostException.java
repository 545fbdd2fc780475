package io.synckit.postgres.internal.durable;

import io.synckit.EventStoreException;
import io.synckit.postgres.internal.sql.PartitionId;

/** The claim of this process is not valid any more: another session has taken the partition, or the server was started again or replaced. Rolls back the transaction of a handler. */
final class OwnershipLostException extends EventStoreException {

    private static final long serialVersionUID = 1;

    OwnershipLostException(PartitionId partition) {
        super(partition
                + " is not owned by this claim any more: another process owns it, it was moved, the server was started again"
                + " or replaced, or it has lost commits; its owner continues at the stored checkpoint");
    }
}
