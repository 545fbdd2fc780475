package io.synckit.postgres.internal.live;

/**
 * How many events wait for a subscriber. Events that it must catch up with, for a reason other than its own slowness, do not count. Not
 * thread-safe.
 */
final class LiveBacklog {

    private final int limit;
    private boolean counting;
    private long excusedUpTo;
    private long lastBehind;
    private long waiting;
    private long dropped;

    LiveBacklog(int limit) {
        this.limit = limit;
    }

    int limit() {
        return limit;
    }

    /** Events up to a version do not count. Those after it count again once the subscriber, which is at "next", has taken them. */
    void excuse(long next, long upTo) {
        excusedUpTo = upTo;
        lastBehind = Long.MAX_VALUE;
        waiting = 0;
        counting = next >= upTo;
    }

    /** It is not known how many events wait. */
    void forget() {
        waiting = 0;
        counting = false;
    }

    /** Returns whether the events that wait must be counted again for a subscriber that is at "next". */
    boolean mustRecount(long next) {
        return !counting && next >= excusedUpTo;
    }

    /**
     * The subscriber has taken the events that do not count. If the events that were published meanwhile are too many, but fewer than the last
     * time, it is still catching up, so they do not count either.
     *
     * @param events events that wait
     * @param upTo the version of the last one
     */
    void recount(long events, long upTo) {
        if (events > limit && events < lastBehind) {
            excusedUpTo = upTo;
            lastBehind = events;
        } else {
            counting = true;
            waiting = events;
        }
    }

    boolean isFull() {
        return counting && waiting >= limit;
    }

    void add(int count) {
        if (counting) {
            waiting += count;
        }
    }

    void taken(int count) {
        waiting = Math.max(0, waiting - count);
    }

    long waiting() {
        return waiting;
    }

    /** The events that wait are dropped. */
    void drop() {
        dropped += waiting;
        waiting = 0;
    }

    long dropped() {
        return dropped;
    }
}
