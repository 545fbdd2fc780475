package io.synckit.postgres.internal.append;

import io.synckit.AsyncQueueFullException;
import io.synckit.StoreClosedException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/** The appends that wait for group commit, limited in number and size. Thread-safe. */
final class CommitQueue {

    private final QueueRoom room;
    private final boolean rejectsWhenFull;

    private final ReentrantLock lock = new ReentrantLock();
    private final Condition notEmpty = lock.newCondition();
    private final Condition notFull = lock.newCondition();
    private final Deque<AcceptedAppend> waiting = new ArrayDeque<>();
    private List<AcceptedAppend> inHand = List.of();
    private boolean closed;

    /**
     * @param maxEvents events that may wait
     * @param maxBytes bytes that may wait
     * @param rejectsWhenFull whether a caller gets an error while the queue is full, instead of waiting
     */
    CommitQueue(int maxEvents, long maxBytes, boolean rejectsWhenFull) {
        this.room = new QueueRoom(maxEvents, maxBytes);
        this.rejectsWhenFull = rejectsWhenFull;
    }

    /**
     * Adds an append, when there is room.
     *
     * @param first runs before it is added, by one caller at a time
     * @throws StoreClosedException if the queue is closed, also while the caller waits
     * @throws AsyncQueueFullException if the queue is full and rejects
     */
    void add(AcceptedAppend append, Runnable first) throws InterruptedException {
        lock.lock();
        try {
            while (!closed && !room.isFor(append)) {
                if (rejectsWhenFull) {
                    throw new AsyncQueueFullException(
                            append.operation(), append.toString(), room.events(), room.bytes());
                }
                room.reserve(append);
                notFull.await();
            }
            if (closed) {
                throw new StoreClosedException(append.operation());
            }
            first.run();
            waiting.addLast(append);
            room.add(append);
            notEmpty.signal();
        } finally {
            if (room.release(append)) {
                notFull.signalAll();
            }
            lock.unlock();
        }
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
            List<AcceptedAppend> later = new ArrayList<>();
            int examined = 0;
            for (AcceptedAppend next : waiting) {
                if (group.isFull() || later.size() == CommitGroup.MAX_EVENTS) {
                    break;
                }
                examined++;
                if (!group.add(next)) {
                    later.add(next);
                }
            }
            // From here on nothing is allocated, so that no append is lost by an OutOfMemoryError.
            for (; examined > 0; examined--) {
                waiting.removeFirst();
            }
            for (int i = later.size() - 1; i >= 0; i--) {
                waiting.addFirst(later.get(i));
            }
            inHand = group.appends();
            inHand.forEach(room::remove);
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
            return room.events();
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
            rest.forEach(room::remove);
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
