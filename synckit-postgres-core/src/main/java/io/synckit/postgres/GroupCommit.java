package io.synckit.postgres;

import io.synckit.AppendOptions;
import io.synckit.AppendResult;
import io.synckit.DuplicateEventException;
import io.synckit.EventStoreException;
import io.synckit.Instrumentation;
import io.synckit.Instrumentation.Operation;
import io.synckit.InvalidConnectionException;
import io.synckit.OnDuplicate;
import io.synckit.StoreClosedException;
import io.synckit.TransactionConflictException;
import io.synckit.postgres.internal.jdbc.EventRow;
import io.synckit.postgres.internal.runtime.NamedThreads;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Many callers, one transaction: one thread takes all events that wait, stores them together, and tells each caller its own result.
 * While it does, the next ones gather; so groups are as large as there is work, and one event alone waits for nobody. One thread and
 * one queue keep the order of each caller.
 *
 * <p>Futures are completed by other threads, so that what a caller hangs on to them cannot stop the thread that stores.
 */
final class GroupCommit implements AutoCloseable {

    private static final Logger log = LoggerFactory.getLogger(GroupCommit.class);

    /** What waits: more makes callers wait. */
    static final int MOST_WAITING = 10_000;

    static final long MOST_BYTES_WAITING = 64L << 20;

    /** What is stored together: more makes no event cheaper. */
    static final int MOST_IN_GROUP = 1000;

    static final long MOST_BYTES_IN_GROUP = 8L << 20;

    private static final int COMPLETING_THREADS = 64;
    private static final Duration LONGEST_CLOSE = Duration.ofSeconds(30);

    private final EventAppender appender;
    private final Instrumentation instrumentation;
    private final String table;
    private final ExecutorService completing = NamedThreads.atMost(COMPLETING_THREADS, "synckit-stored");

    private final ReentrantLock lock = new ReentrantLock();
    private final Condition notEmpty = lock.newCondition();
    private final Condition notFull = lock.newCondition();
    private final Deque<Accepted> waiting = new ArrayDeque<>();
    private long bytesWaiting;
    private @Nullable Thread storing;
    private boolean closed;

    GroupCommit(EventAppender appender, Instrumentation instrumentation, String table) {
        this.appender = appender;
        this.instrumentation = instrumentation;
        this.table = table;
    }

    /**
     * Accepts an event, when there is room.
     *
     * @param committed runs after the commit, before the future is completed
     * @throws StoreClosedException if this is closed, also while it waits
     * @throws EventStoreException if the thread is interrupted while it waits; the event is not accepted
     */
    CompletableFuture<AppendResult> accept(EventRow row, AppendOptions options, Runnable committed) {
        Accepted accepted = new Accepted(row, options, committed, new CompletableFuture<>());
        lock.lock();
        try {
            while (!closed && isFull(row)) {
                notFull.await();
            }
            if (closed) {
                throw new StoreClosedException("storeAsync");
            }
            waiting.addLast(accepted);
            bytesWaiting += row.bytes();
            if (storing == null) {
                storing = NamedThreads.single("synckit-group-commit", this::storeAll);
                storing.start();
            } else if (waiting.size() == 1) {
                notEmpty.signal();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new EventStoreException("storeAsync was interrupted while it waited for room; event '" + row.id()
                    + "' is not stored, call it again");
        } finally {
            lock.unlock();
        }
        return accepted.result;
    }

    /** An event that is larger than all that may wait comes alone. */
    private boolean isFull(EventRow row) {
        return waiting.size() >= MOST_WAITING || !waiting.isEmpty() && bytesWaiting + row.bytes() > MOST_BYTES_WAITING;
    }

    private void storeAll() {
        List<Accepted> group = next();
        while (!group.isEmpty()) {
            try {
                store(group);
            } catch (Throwable e) {
                // Nothing that is accepted stays without an answer.
                fail(group, e);
                log.error(
                        "group-commit.broken: an error of the library's own, {} events failed; storeAsync goes on",
                        group.size(),
                        e);
            }
            group = next();
        }
        completing.shutdown();
    }

    /** The next ones, waiting for them; none when this is closed and everything is stored. */
    private List<Accepted> next() {
        List<Accepted> group = new ArrayList<>();
        Set<String> ids = new HashSet<>();
        long bytes = 0;
        lock.lock();
        try {
            while (waiting.isEmpty() && !closed) {
                notEmpty.awaitUninterruptibly();
            }
            Accepted first;
            while (group.size() < MOST_IN_GROUP
                    && (first = waiting.peekFirst()) != null
                    && (group.isEmpty() || bytes + first.row.bytes() <= MOST_BYTES_IN_GROUP)
                    // The second with an id belongs to the next group, which finds the first one stored.
                    && ids.add(first.row.id())) {
                group.add(first);
                waiting.removeFirst();
                bytes += first.row.bytes();
            }
            bytesWaiting -= bytes;
            notFull.signalAll();
            return group;
        } finally {
            lock.unlock();
        }
    }

    /** All of them; if that fails for what may be the fault of one, each half for itself. */
    private void store(List<Accepted> group) {
        try {
            stored(group, append(group));
        } catch (DuplicateEventException e) {
            // The id is another event's. Nothing is stored.
            List<Accepted> others = group.stream()
                    .filter(accepted -> !accepted.row.id().equals(e.id()))
                    .toList();
            group.stream()
                    .filter(accepted -> accepted.row.id().equals(e.id()))
                    .forEach(accepted -> fail(List.of(accepted), e));
            if (!others.isEmpty()) {
                store(others);
            }
        } catch (EventStoreException e) {
            if (group.size() > 1 && mayBeOfOne(e)) {
                store(group.subList(0, group.size() / 2));
                store(group.subList(group.size() / 2, group.size()));
            } else {
                fail(group, e);
                if (e instanceof InvalidConnectionException) {
                    afterLostConnection(group.size(), e);
                }
            }
        }
    }

    /** Not: the database is away, the schema or a privilege is missing. */
    private static boolean mayBeOfOne(EventStoreException e) {
        return e.getClass() == EventStoreException.class || e instanceof TransactionConflictException;
    }

    private void afterLostConnection(int failed, EventStoreException e) {
        log.warn("group-commit.failed: {} events of storeAsync are not known to be stored: {}", failed, e.getMessage());
        List<Accepted> rest = List.of();
        lock.lock();
        try {
            if (closed) {
                // Each further group would wait for a connection in vain.
                rest = List.copyOf(waiting);
                waiting.clear();
            }
        } finally {
            lock.unlock();
        }
        fail(rest, e);
    }

    private List<AppendResult> append(List<Accepted> group) {
        Operation operation = new Operation("storeGroup", table, true);
        return instrumentation.operation(operation, () -> {
            List<AppendResult> results = appender.appendAlone(
                    group.stream().map(accepted -> accepted.row).toList(),
                    group.stream().anyMatch(accepted -> accepted.options.onDuplicate() == OnDuplicate.RETURN_EXISTING));
            int alreadyStored =
                    (int) results.stream().filter(AppendResult::alreadyStored).count();
            operation.completed(results.size() - alreadyStored, alreadyStored);
            return results;
        });
    }

    private void stored(List<Accepted> group, List<AppendResult> results) {
        group.forEach(accepted -> accepted.committed.run());
        elsewhere(() -> {
            for (int i = 0; i < group.size(); i++) {
                group.get(i).complete(results.get(i));
            }
        });
    }

    private void fail(List<Accepted> group, Throwable failure) {
        elsewhere(() -> group.forEach(accepted -> accepted.result.completeExceptionally(failure)));
    }

    private void elsewhere(Runnable completions) {
        try {
            completing.execute(completions);
        } catch (RejectedExecutionException e) {
            // Closed meanwhile.
            completions.run();
        }
    }

    /** How many events wait to be stored. */
    int waiting() {
        lock.lock();
        try {
            return waiting.size();
        } finally {
            lock.unlock();
        }
    }

    /**
     * Accepts no more, and waits until what was accepted is stored, half a minute at most; what is not stored by then fails. If the
     * database is away, the rest fails at once.
     */
    @Override
    public void close() {
        Thread current;
        lock.lock();
        try {
            closed = true;
            notEmpty.signal();
            notFull.signalAll();
            current = storing;
        } finally {
            lock.unlock();
        }
        if (current != null) {
            join(current);
        }
    }

    private void join(Thread current) {
        try {
            current.join(LONGEST_CLOSE.toMillis());
            if (current.isAlive()) {
                giveUp();
            }
        } catch (InterruptedException e) {
            giveUp();
            Thread.currentThread().interrupt();
        }
    }

    private void giveUp() {
        List<Accepted> rest;
        lock.lock();
        try {
            rest = List.copyOf(waiting);
            waiting.clear();
        } finally {
            lock.unlock();
        }
        log.warn("group-commit.unfinished: {} events of storeAsync are not stored, the store is closed", rest.size());
        fail(rest, new StoreClosedException("storeAsync"));
    }

    /** An event on its way, and where its result goes. */
    private record Accepted(
            EventRow row, AppendOptions options, Runnable committed, CompletableFuture<AppendResult> result) {

        void complete(AppendResult stored) {
            if (stored.alreadyStored() && options.onDuplicate() == OnDuplicate.FAIL) {
                result.completeExceptionally(EventAppender.duplicate(stored));
            } else {
                result.complete(stored);
            }
        }
    }
}
