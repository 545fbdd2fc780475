package io.synckit.postgres.internal.append;

import org.jspecify.annotations.Nullable;

/**
 * The room of a commit queue: how much waits, and how much may wait. One caller at a time can reserve the room that it needs, so that small
 * appends do not keep out a large one. Not thread-safe.
 */
final class QueueRoom {

    private final int maxEvents;
    private final long maxBytes;
    private int events;
    private long bytes;
    private @Nullable AcceptedAppend reservedFor;

    /**
     * @param maxEvents events that may wait
     * @param maxBytes bytes that may wait
     */
    QueueRoom(int maxEvents, long maxBytes) {
        this.maxEvents = maxEvents;
        this.maxBytes = maxBytes;
    }

    /** Returns whether there is room. An append that is larger than the limits needs an empty queue. */
    boolean isFor(AcceptedAppend append) {
        AcceptedAppend other = reservedFor == append ? null : reservedFor;
        if (events == 0 && other == null) {
            return true;
        }
        return events + append.events() + (other == null ? 0 : other.events()) <= maxEvents
                && bytes + append.bytes() + (other == null ? 0 : other.bytes()) <= maxBytes;
    }

    /** Reserves room for an append that must wait, unless another one has reserved. */
    void reserve(AcceptedAppend append) {
        if (reservedFor == null) {
            reservedFor = append;
        }
    }

    /** Ends the reservation of an append. Returns whether it had one. */
    boolean release(AcceptedAppend append) {
        boolean reserved = reservedFor == append;
        if (reserved) {
            reservedFor = null;
        }
        return reserved;
    }

    void add(AcceptedAppend append) {
        events += append.events();
        bytes += append.bytes();
    }

    void remove(AcceptedAppend append) {
        events -= append.events();
        bytes -= append.bytes();
    }

    int events() {
        return events;
    }

    long bytes() {
        return bytes;
    }
}
