package io.synckit.torture;

import org.jspecify.annotations.Nullable;

/**
 * Where the connections of processes lead.
 *
 * @param pool port for the connections of pools
 * @param listener port for the connection that listens
 * @param poolOptions what follows the URL of pools
 */
record Links(int pool, int listener, String poolOptions) {

    /**
     * Through a pooler in session mode all connections lead, through one in transaction mode only those of pools: it delivers no
     * notifications, and keeps no prepared statements.
     */
    static Links to(Server server, @Nullable Pooler pooler) {
        if (pooler == null) {
            return new Links(server.port(), server.port(), "");
        }
        return pooler.mode() == Pooler.Mode.SESSION
                ? new Links(pooler.port(), pooler.port(), "")
                : new Links(pooler.port(), server.port(), "&prepareThreshold=0");
    }
}
