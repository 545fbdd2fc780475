package io.synckit.torture;

import org.jspecify.annotations.Nullable;

/**
 * The ports to which the links of processes connect.
 *
 * @param pool port for the connections of pools
 * @param listener port for the connection that listens
 * @param poolOptions what follows the URL of pools
 */
record Targets(int pool, int listener, String poolOptions) {

    /**
     * In session mode all connections use the pooler. In transaction mode only those of pools do, because then PgBouncer delivers no
     * notifications. It keeps no prepared statements either.
     */
    static Targets of(Server server, @Nullable Pooler pooler) {
        if (pooler == null) {
            return new Targets(server.port(), server.port(), "");
        }
        return pooler.mode() == Pooler.Mode.SESSION
                ? new Targets(pooler.port(), pooler.port(), "")
                : new Targets(pooler.port(), server.port(), "&prepareThreshold=0");
    }
}
