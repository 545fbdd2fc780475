package io.synckit;

import java.util.Optional;

/**
 * A look at the store.
 *
 * @param latestVersion as {@link EventStore#latestVersion()}
 * @param headVersion the highest version given out so far, decided or not; the distance to {@code latestVersion} is what
 *     transactions in flight hold back
 * @param estimatedEvents the planner's estimate of the number of events; cheap, and off by what was stored since the last ANALYZE
 * @param tableBytes size of the events and their TOAST data
 * @param indexBytes size of the indexes
 * @param pool the connection pool, where it is one that can be asked (HikariCP)
 */
public record StoreStats(
        Version latestVersion,
        Version headVersion,
        long estimatedEvents,
        long tableBytes,
        long indexBytes,
        Optional<Pool> pool) {

    /**
     * A connection pool.
     *
     * @param maxOpen most connections that it opens
     * @param open connections that are open
     * @param inUse connections that are lent out
     * @param idle connections that wait for work
     * @param waiting threads that wait for a connection
     */
    public record Pool(int maxOpen, int open, int inUse, int idle, int waiting) {}
}
