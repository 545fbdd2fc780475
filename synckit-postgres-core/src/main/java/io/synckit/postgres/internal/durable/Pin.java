package io.synckit.postgres.internal.durable;

import io.synckit.postgres.internal.runtime.Clock;
import java.sql.SQLException;
import java.time.Duration;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Keeps the lock of this process in a transaction of the pool as long as there is no connection that listens. Used by the coordinator's thread. */
final class Pin {

    private static final Logger log = LoggerFactory.getLogger(Pin.class);

    private final Database database;
    private final Duration ownerTimeout;
    private final Clock clock;
    private @Nullable PinnedTransaction held;

    Pin(Database database, Duration ownerTimeout, Clock clock) {
        this.database = database;
        this.ownerTimeout = ownerTimeout;
        this.clock = clock;
    }

    /** Opens, confirms or closes the transaction, as the membership needs it. */
    void update(Membership member) throws SQLException {
        PinnedTransaction current = held;
        if (current == null) {
            if (member.needsPin() && !member.isLocked()) {
                held = PinnedTransaction.open(database, member, ownerTimeout);
                member.pinned(true);
            }
            return;
        }
        try {
            if (member.needsPin() && member.isLocked()) {
                current.ping();
                member.answered(clock.nanos());
                return;
            }
        } catch (SQLException e) {
            log.debug("durable.unpinned: {}", e.getMessage());
        }
        release(member);
    }

    /** Closes the transaction, if it is open. */
    void release(Membership member) {
        PinnedTransaction current = held;
        if (current == null) {
            return;
        }
        held = null;
        member.pinned(false);
        try {
            current.close();
        } catch (SQLException e) {
            log.debug("durable.unpinned: {}", e.getMessage());
        }
    }
}
