package io.synckit.postgres.internal.append;

import io.synckit.AppendOptions;
import io.synckit.AppendResult;
import io.synckit.DuplicateEventException;
import io.synckit.EventLimits;
import io.synckit.EventStoreException;
import io.synckit.Instrumentation;
import io.synckit.Instrumentation.Operation;
import io.synckit.InvalidConnectionException;
import io.synckit.OnDuplicate;
import io.synckit.StoreClosedException;
import io.synckit.TransactionConflictException;
import io.synckit.postgres.internal.runtime.Clock;
import io.synckit.postgres.internal.runtime.Completions;
import io.synckit.postgres.internal.runtime.NamedThreads;
import io.synckit.postgres.internal.runtime.SafeLog;
import io.synckit.postgres.internal.sql.EventRow;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Stores the events of many callers in one transaction. One thread takes all events that wait, and stores them together. Meanwhile the next
 * ones gather, so a group is as large as the load, and a single event is stored at once. One thread and one queue keep the order of each
 * caller. Thread-safe.
 *
 * <p>Other threads complete the futures, so that dependent stages do not block the thread that stores.
 */
public final class GroupCommit implements AutoCloseable {

    private static final Logger log = LoggerFactory.getLogger(GroupCommit.class);

    /** What waits: more makes callers wait. */
    public static final int MOST_WAITING = 10_000;

    static final long MOST_BYTES_WAITING = 64L << 20;

    /** What is stored together: more makes no event cheaper. */
    public static final int MOST_IN_GROUP = 1000;

    static final long MOST_BYTES_IN_GROUP = 8L << 20;

    private static final Duration LONGEST_CLOSE = Duration.ofSeconds(30);

    /** A group that fails by time-outs is not split for ever: that would hold up all others. */
    private static final Duration LONGEST_SPLIT = Duration.ofSeconds(10);

    private final EventAppender appender;
    private final Instrumentation instrumentation;
    private final String table;
    private final Duration longestClose;
    private final Completions completing = new Completions("synckit-stored");

    private final ReentrantLock lock = new ReentrantLock();
    private final Condition notEmpty = lock.newCondition();
    private final Condition notFull = lock.newCondition();
    private final Deque<Accepted> waiting = new ArrayDeque<>();
    private long bytesWaiting;
    private List<Accepted> inHand = List.of();
    private @Nullable Thread storing;
    private boolean closed;
    private volatile boolean abandoned;

    public GroupCommit(EventAppender appender, Instrumentation instrumentation, String table) {
        this(appender, instrumentation, table, LONGEST_CLOSE);
    }

    GroupCommit(EventAppender appender, Instrumentation instrumentation, String table, Duration longestClose) {
        this.longestClose = longestClose;
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
    public CompletableFuture<AppendResult> accept(EventRow row, AppendOptions options, Runnable committed) {
        Accepted accepted = new Accepted(row, options, committed, new CompletableFuture<>(), new AtomicBoolean());
        lock.lock();
        try {
            while (!closed && isFull(row)) {
                notFull.await();
            }
            if (closed) {
                throw new StoreClosedException("storeAsync");
            }
            if (storing == null) {
                Thread thread = NamedThreads.single("synckit-group-commit", this::storeAll);
                thread.start();
                storing = thread;
            }
            waiting.addLast(accepted);
            bytesWaiting += row.bytes();
            notEmpty.signal();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new EventStoreException("storeAsync was interrupted while it waited for room; event '"
                    + EventLimits.printable(row.id()) + "' is not stored, call it again");
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
            long splitUntil = Clock.SYSTEM.nanos() + LONGEST_SPLIT.toNanos();
            store(group, splitUntil);
            group = next();
        }
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
            inHand = group;
            notFull.signalAll();
            return group;
        } finally {
            lock.unlock();
        }
    }

    /** All of them; if that fails for what may be the fault of one, each half for itself. Nothing stays without an answer. */
    private void store(List<Accepted> group, long splitUntil) {
        if (abandoned) {
            return;
        }
        try {
            stored(group, append(group));
        } catch (DuplicateEventException e) {
            // The id is another event's. Nothing is stored.
            fail(group.stream().filter(accepted -> accepted.row.id().equals(e.id())), e);
            List<Accepted> others = group.stream()
                    .filter(accepted -> !accepted.row.id().equals(e.id()))
                    .toList();
            if (!others.isEmpty()) {
                store(others, splitUntil);
            }
        } catch (EventStoreException e) {
            if (group.size() > 1 && mayBeOfOne(e) && Clock.SYSTEM.nanos() - splitUntil < 0) {
                store(group.subList(0, group.size() / 2), splitUntil);
                store(group.subList(group.size() / 2, group.size()), splitUntil);
            } else {
                fail(group.stream(), e);
                if (e instanceof InvalidConnectionException) {
                    afterLostConnection(group.size(), e);
                }
            }
        } catch (RuntimeException | Error e) {
            SafeLog.warn(log, "group-commit.broken: " + group.size() + " events of storeAsync may be stored or not", e);
            fail(group.stream(), mayBeStored("the instrumentation has failed: " + SafeLog.describe(e), e));
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
                // Each further group would wait for a connection, and fail.
                rest = List.copyOf(waiting);
                waiting.clear();
            }
        } finally {
            lock.unlock();
        }
        fail(rest.stream(), e);
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
        List<Runnable> completions = new ArrayList<>(group.size());
        for (int i = 0; i < group.size(); i++) {
            Accepted accepted = group.get(i);
            AppendResult result = results.get(i);
            if (accepted.answer()) {
                completions.add(() -> accepted.complete(result));
            }
        }
        completing.run(completions);
    }

    private void fail(Stream<Accepted> group, Throwable failure) {
        completing.run(group.filter(Accepted::answer)
                .<Runnable>map(accepted -> () -> accepted.result.completeExceptionally(failure))
                .toList());
    }

    /** How many events wait to be stored. */
    public int waiting() {
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
        long end = Clock.SYSTEM.nanos() + longestClose.toNanos();
        if (current != null) {
            join(current);
        }
        giveUp();
        completing.await(Duration.ofNanos(Math.max(end - Clock.SYSTEM.nanos(), 0)));
    }

    private void join(Thread current) {
        try {
            current.join(longestClose.toMillis());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Answers what is not answered: nothing, if all went well. */
    private void giveUp() {
        abandoned = true;
        List<Accepted> unknown;
        List<Accepted> rest;
        lock.lock();
        try {
            unknown =
                    inHand.stream().filter(accepted -> !accepted.answered.get()).toList();
            rest = List.copyOf(waiting);
            waiting.clear();
        } finally {
            lock.unlock();
        }
        if (unknown.size() + rest.size() > 0) {
            log.warn(
                    "group-commit.unfinished: the store is closed, {} events of storeAsync are not stored, {} may be",
                    rest.size(),
                    unknown.size());
        }
        fail(unknown.stream(), mayBeStored("the store was closed while the event was being stored", null));
        fail(rest.stream(), new StoreClosedException("storeAsync"));
    }

    static EventStoreException mayBeStored(String why, @Nullable Throwable cause) {
        return new EventStoreException(
                why + "; it may be stored: store it again with its id and onDuplicate(RETURN_EXISTING)", cause);
    }

    /** An event on its way, and where its result goes. */
    private record Accepted(
            EventRow row,
            AppendOptions options,
            Runnable committed,
            CompletableFuture<AppendResult> result,
            AtomicBoolean answered) {

        /** Whether this answer is the first. */
        boolean answer() {
            return answered.compareAndSet(false, true);
        }

        void complete(AppendResult stored) {
            if (stored.alreadyStored() && options.onDuplicate() == OnDuplicate.FAIL) {
                result.completeExceptionally(ConflictCheck.duplicate(stored));
            } else {
                result.complete(stored);
            }
        }
    }
}
