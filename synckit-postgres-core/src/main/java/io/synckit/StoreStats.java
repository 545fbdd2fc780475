package io.synckit;

import java.util.Optional;

/**
 * Statistics of a store.
 *
 * @param latestVersion see {@link EventStore#latestVersion()}
 * @param headVersion the highest version given out, settled or not. Open transactions hold back the versions above {@code latestVersion}
 * @param estimatedEvents the planner's estimate of the number of events, as of the last ANALYZE
 * @param tableBytes size of the events and their TOAST data
 * @param indexBytes size of the indexes
 * @param pool the state of the connection pool, if it is HikariCP
 */
public record StoreStats(
        Version latestVersion,
        Version headVersion,
        long estimatedEvents,
        long tableBytes,
        long indexBytes,
        Optional<Pool> pool) {

    /**
     * The state of a connection pool.
     *
     * @param maxOpen maximum number of connections
     * @param open open connections
     * @param inUse borrowed connections
     * @param idle idle connections
     * @param waiting threads that wait for a connection
     */
    public record Pool(int maxOpen, int open, int inUse, int idle, int waiting) {}
}
