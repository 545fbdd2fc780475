package io.synckit.postgres.internal.append;

import io.synckit.AsyncQueueFullException;
import io.synckit.StoreClosedException;
import java.util.ArrayDeque;
import java.util.Collections;
import java.util.Deque;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/** The appends that wait for group commit, limited in number and size. Thread-safe. */
final class CommitQueue {

    private final int maxEvents;
    private final long maxBytes;
    private final boolean rejectsWhenFull;

    private final ReentrantLock lock = new ReentrantLock();
    private final Condition notEmpty = lock.newCondition();
    private final Condition notFull = lock.newCondition();
    private final Deque<AcceptedAppend> waiting = new ArrayDeque<>();
    private int events;
    private long bytes;
    private List<AcceptedAppend> inHand = List.of();
    private @Nullable AcceptedAppend nextIn;
    private boolean closed;

    /**
     * @param maxEvents events that may wait
     * @param maxBytes bytes that may wait
     * @param rejectsWhenFull whether a caller gets an error while the queue is full, instead of waiting
     */
    CommitQueue(int maxEvents, long maxBytes, boolean rejectsWhenFull) {
        this.maxEvents = maxEvents;
        this.maxBytes = maxBytes;
        this.rejectsWhenFull = rejectsWhenFull;
    }

    /**
     * Adds an append, when there is room. Of the callers that wait, one has reserved its room, so that small appends do not keep out a large
     * one for ever.
     *
     * @param first runs before it is added, by one caller at a time
     * @throws StoreClosedException if the queue is closed, also while the caller waits
     * @throws AsyncQueueFullException if the queue is full and rejects
     */
    void add(AcceptedAppend append, Runnable first) throws InterruptedException {
        lock.lock();
        try {
            while (!closed && isFull(append)) {
                if (rejectsWhenFull) {
                    throw new AsyncQueueFullException(append.operation(), append.toString(), events, bytes);
                }
                if (nextIn == null) {
                    nextIn = append;
                }
                notFull.await();
            }
            if (closed) {
                throw new StoreClosedException(append.operation());
            }
            first.run();
            waiting.addLast(append);
            events += append.events();
            bytes += append.bytes();
            notEmpty.signal();
        } finally {
            if (nextIn == append) {
                nextIn = null;
                notFull.signalAll();
            }
            lock.unlock();
        }
    }

    /** An append that is larger than the limits waits alone. */
    private boolean isFull(AcceptedAppend append) {
        AcceptedAppend other = nextIn == append ? null : nextIn;
        if (waiting.isEmpty() && other == null) {
            return false;
        }
        return events + append.events() + (other == null ? 0 : other.events()) > maxEvents
                || bytes + append.bytes() + (other == null ? 0 : other.bytes()) > maxBytes;
    }

    /**
     * Waits for appends, and takes the next group, which need not be the first ones in the queue. Returns an empty group if the queue is
     * closed and empty.
     */
    List<AcceptedAppend> takeGroup() {
        lock.lock();
        try {
            inHand = List.of();
            while (waiting.isEmpty() && !closed) {
                notEmpty.awaitUninterruptibly();
            }
            CommitGroup group = new CommitGroup();
            Set<AcceptedAppend> taken = Collections.newSetFromMap(new IdentityHashMap<>());
            int later = 0;
            for (AcceptedAppend next : waiting) {
                if (group.isFull() || later == CommitGroup.MAX_EVENTS) {
                    break;
                }
                if (group.add(next)) {
                    taken.add(next);
                } else {
                    later++;
                }
            }
            // Up to here an error, for example for lack of memory, has changed nothing.
            waiting.removeIf(taken::contains);
            inHand = group.appends();
            inHand.forEach(append -> {
                events -= append.events();
                bytes -= append.bytes();
            });
            notFull.signalAll();
            return inHand;
        } finally {
            lock.unlock();
        }
    }

    /** Returns how many events wait. */
    int size() {
        lock.lock();
        try {
            return events;
        } finally {
            lock.unlock();
        }
    }

    boolean isClosed() {
        lock.lock();
        try {
            return closed;
        } finally {
            lock.unlock();
        }
    }

    /** Accepts no more appends. Those that wait can still be taken. */
    void close() {
        lock.lock();
        try {
            closed = true;
            notEmpty.signalAll();
            notFull.signalAll();
        } finally {
            lock.unlock();
        }
    }

    /** Removes and returns the appends that wait. */
    List<AcceptedAppend> drain() {
        lock.lock();
        try {
            List<AcceptedAppend> rest = List.copyOf(waiting);
            waiting.clear();
            events = 0;
            bytes = 0;
            return rest;
        } finally {
            lock.unlock();
        }
    }

    /** Returns the appends of the group that was taken last, and that have no outcome yet. */
    List<AcceptedAppend> unanswered() {
        lock.lock();
        try {
            return inHand.stream().filter(append -> !append.answered().get()).toList();
        } finally {
            lock.unlock();
        }
    }
}
