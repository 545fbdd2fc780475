package io.synckit.postgres.internal.append;

import io.synckit.AppendResult;
import io.synckit.AsyncQueueFullException;
import io.synckit.EventStoreException;
import io.synckit.ExpectedStreamVersion;
import io.synckit.Instrumentation;
import io.synckit.OnDuplicate;
import io.synckit.StoreClosedException;
import io.synckit.postgres.internal.runtime.Clock;
import io.synckit.postgres.internal.runtime.Completions;
import io.synckit.postgres.internal.sql.EventRow;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;

/**
 * Stores the events of many callers in few transactions. The hash of the aggregate id chooses one of a fixed number of lanes, so the order of
 * the events of an aggregate is kept. Thread-safe.
 *
 * <p>Other threads complete the futures, so that dependent stages do not block a lane.
 */
public final class GroupCommit implements AutoCloseable {

    /** Events that may wait in all lanes. */
    static final int MAX_WAITING = 10_000;

    private static final long MAX_BYTES_WAITING = 64L << 20;

    private static final Duration LONGEST_GROUP = Duration.ofSeconds(10);
    private static final Duration LONGEST_CLOSE = Duration.ofSeconds(30);

    private final Completions completions = new Completions("synckit-stored");
    private final List<CommitLane> lanes;
    private final Duration longestClose;

    /**
     * @param lanes number of lanes; each uses one connection while it stores
     * @param rejectsWhenFull whether a caller gets an error while a lane is full, instead of waiting
     */
    public GroupCommit(
            GroupAppender groups,
            EventAppender appender,
            String table,
            Instrumentation instrumentation,
            int lanes,
            boolean rejectsWhenFull) {
        this(groups, appender, table, instrumentation, lanes, rejectsWhenFull, LONGEST_GROUP, LONGEST_CLOSE);
    }

    GroupCommit(
            GroupAppender groups,
            EventAppender appender,
            String table,
            Instrumentation instrumentation,
            int lanes,
            boolean rejectsWhenFull,
            Duration longestGroup,
            Duration longestClose) {
        this.longestClose = longestClose;
        this.lanes = IntStream.range(0, lanes)
                .mapToObj(lane -> new CommitLane(
                        "synckit-commit-" + lane,
                        new CommitQueue(MAX_WAITING / lanes, MAX_BYTES_WAITING / lanes, rejectsWhenFull),
                        groups,
                        appender,
                        instrumentation,
                        table,
                        completions,
                        longestGroup))
                .toList();
    }

    /**
     * Accepts the events of an aggregate, when there is room.
     *
     * @param operation name of the call, for errors
     * @param rows at least one
     * @param committed runs after the commit, before the future is completed
     * @throws StoreClosedException if this is closed, also while the caller waits
     * @throws AsyncQueueFullException if the lane is full and rejects
     * @throws EventStoreException if the thread is interrupted while it waits; nothing is accepted
     */
    public CompletableFuture<List<AppendResult>> accept(
            String operation,
            List<EventRow> rows,
            ExpectedStreamVersion expected,
            OnDuplicate onDuplicate,
            Runnable committed) {
        AcceptedAppend append = AcceptedAppend.of(operation, AppendRequest.of(rows, expected, onDuplicate), committed);
        try {
            lanes.get(Math.floorMod(append.aggregateId().hashCode(), lanes.size()))
                    .add(append);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new EventStoreException(operation + " was interrupted while it waited for room; " + append
                    + " is not stored, call it again");
        }
        return append.result();
    }

    /** Returns how many events wait. */
    public int waiting() {
        return lanes.stream().mapToInt(CommitLane::waiting).sum();
    }

    /**
     * Accepts nothing more, and waits up to half a minute until the accepted events are stored. The rest fails. If the database cannot be
     * reached, the rest fails at once.
     */
    @Override
    public void close() {
        long end = Clock.SYSTEM.nanos() + longestClose.toNanos();
        lanes.forEach(CommitLane::close);
        lanes.forEach(lane -> lane.end(Duration.ofNanos(end - Clock.SYSTEM.nanos())));
        completions.await(Duration.ofNanos(Math.max(end - Clock.SYSTEM.nanos(), 0)));
    }
}
