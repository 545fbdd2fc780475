package io.synckit.postgres.internal.live;

/**
 * How many events wait for a subscriber that was live. Events that it must catch up with, for a reason other than its own slowness, do not
 * count. Not thread-safe.
 */
final class LiveBacklog {

    private final int limit;
    private boolean live;
    private long waiting;
    private long dropped;

    LiveBacklog(int limit) {
        this.limit = limit;
    }

    int limit() {
        return limit;
    }

    /** @param atEnd whether the subscription starts at the end of the published events */
    void started(boolean atEnd) {
        live = atEnd;
    }

    /** The subscriber is behind for another reason. */
    void behind() {
        live = false;
        waiting = 0;
    }

    void caughtUp() {
        live = true;
        waiting = 0;
    }

    boolean isFull() {
        return live && waiting >= limit;
    }

    void add(int count) {
        if (live) {
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
