package io.synckit.postgres.internal.append;

import io.synckit.AppendResult;
import io.synckit.DuplicateEventException;
import io.synckit.EventStoreException;
import io.synckit.Instrumentation;
import io.synckit.Instrumentation.Operation;
import io.synckit.InvalidConnectionException;
import io.synckit.StoreClosedException;
import io.synckit.TransactionConflictException;
import io.synckit.WrongExpectedVersionException;
import io.synckit.postgres.internal.runtime.Clock;
import io.synckit.postgres.internal.runtime.Completions;
import io.synckit.postgres.internal.runtime.NamedThreads;
import io.synckit.postgres.internal.runtime.SafeLog;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Stores the accepted appends of some aggregates on a thread of its own. It takes all that wait, and stores them in one transaction.
 * Meanwhile the next ones gather, so a group is as large as the load. Appends that conflict, and the members of a failed group, are stored
 * one by one afterwards, so that each gets the outcome of a plain append. Thread-safe.
 */
final class CommitLane {

    private static final Logger log = LoggerFactory.getLogger(CommitLane.class);

    /** Once an append has failed after that time, for example by a timeout, the rest of its group fails, because others wait. */
    private static final Duration LONGEST_GROUP = Duration.ofSeconds(10);

    private final String thread;
    private final CommitQueue queue;
    private final GroupAppender groups;
    private final EventAppender appender;
    private final Instrumentation instrumentation;
    private final String table;
    private final Completions completions;
    private volatile @Nullable Thread running;
    private volatile boolean abandoned;

    /** @param thread name of the thread */
    CommitLane(
            String thread,
            CommitQueue queue,
            GroupAppender groups,
            EventAppender appender,
            Instrumentation instrumentation,
            String table,
            Completions completions) {
        this.thread = thread;
        this.queue = queue;
        this.groups = groups;
        this.appender = appender;
        this.instrumentation = instrumentation;
        this.table = table;
        this.completions = completions;
    }

    /** Accepts an append. See {@link CommitQueue#add}. */
    void add(AcceptedAppend append) throws InterruptedException {
        queue.add(append, this::start);
    }

    private void start() {
        if (running == null) {
            Thread starting = NamedThreads.single(thread, this::storeAll);
            running = starting;
            starting.start();
        }
    }

    private void storeAll() {
        List<AcceptedAppend> group;
        while (!(group = queue.takeGroup()).isEmpty()) {
            store(group);
        }
    }

    /** Every append of the group gets an outcome. */
    private void store(List<AcceptedAppend> group) {
        try {
            storeEach(group.size() == 1 ? group : storeTogether(group));
        } catch (RuntimeException | Error e) {
            SafeLog.warn(log, "group-commit.broken: some of " + group.size() + " appends may be stored or not", e);
            fail(group, mayBeStored("the instrumentation has failed: " + SafeLog.describe(e), e));
        }
    }

    /** Returns the appends that are still to be stored. */
    private List<AcceptedAppend> storeTogether(List<AcceptedAppend> group) {
        Map<String, AppendResult> stored;
        try {
            List<AppendRequest> requests =
                    group.stream().map(AcceptedAppend::request).toList();
            stored = inOperation(() -> groups.append(requests), Map::values);
        } catch (EventStoreException e) {
            if (concernsOne(e)) {
                return group;
            }
            failAll(group, e);
            return List.of();
        }
        List<AcceptedAppend> rest = new ArrayList<>();
        List<Runnable> answers = new ArrayList<>(group.size());
        for (AcceptedAppend append : group) {
            List<AppendResult> results = append.resultsIn(stored);
            if (results == null) {
                rest.add(append);
            } else {
                append.committed().run();
                if (append.answer()) {
                    answers.add(() -> append.result().complete(results));
                }
            }
        }
        completions.run(answers);
        return rest;
    }

    private void storeEach(List<AcceptedAppend> appends) {
        long until = Clock.SYSTEM.nanos() + LONGEST_GROUP.toNanos();
        for (int i = 0; i < appends.size() && !abandoned; i++) {
            AcceptedAppend append = appends.get(i);
            try {
                List<AppendResult> results = inOperation(() -> appender.appendAlone(append.request()), all -> all);
                append.committed().run();
                if (append.answer()) {
                    completions.run(List.of(() -> append.result().complete(results)));
                }
            } catch (EventStoreException e) {
                fail(List.of(append), e);
                if (!concernsOne(e) || Clock.SYSTEM.nanos() - until > 0) {
                    failAll(appends.subList(i + 1, appends.size()), e);
                    return;
                }
            }
        }
    }

    /** Returns whether the failure may be due to one append, and not to the connection, the schema or a privilege. */
    private static boolean concernsOne(EventStoreException e) {
        return e.getClass() == EventStoreException.class
                || e instanceof TransactionConflictException
                || e instanceof DuplicateEventException
                || e instanceof WrongExpectedVersionException;
    }

    private <R> R inOperation(Supplier<R> work, Function<R, Collection<AppendResult>> results) {
        Operation operation = new Operation("storeGroup", table, true);
        return instrumentation.operation(operation, () -> {
            R result = work.get();
            Collection<AppendResult> all = results.apply(result);
            int alreadyStored =
                    (int) all.stream().filter(AppendResult::alreadyStored).count();
            operation.completed(all.size() - alreadyStored, alreadyStored);
            return result;
        });
    }

    /** Fails appends because of something that concerns all. If the connection is lost, they may be stored. */
    private void failAll(List<AcceptedAppend> appends, EventStoreException e) {
        fail(appends, e);
        if (e instanceof InvalidConnectionException) {
            log.warn("group-commit.failed: {} appends are not known to be stored: {}", appends.size(), e.getMessage());
            if (queue.isClosed()) {
                // Each further group would wait for a connection, and fail.
                fail(queue.drain(), e);
            }
        }
    }

    private void fail(List<AcceptedAppend> appends, Throwable failure) {
        completions.run(appends.stream()
                .filter(AcceptedAppend::answer)
                .<Runnable>map(append -> () -> append.result().completeExceptionally(failure))
                .toList());
    }

    /** Returns how many events wait. */
    int waiting() {
        return queue.size();
    }

    /** Accepts nothing more. The thread ends when the accepted appends are stored. */
    void close() {
        queue.close();
    }

    /** Waits until the accepted appends are stored, and gives them up after that time. */
    void end(Duration longest) {
        Thread current = running;
        if (current != null) {
            try {
                current.join(Math.max(longest.toMillis(), 1));
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }
        abandoned = true;
        List<AcceptedAppend> unknown = queue.unanswered();
        List<AcceptedAppend> rest = queue.drain();
        if (unknown.size() + rest.size() > 0) {
            log.warn(
                    "group-commit.unfinished: the store is closed, {} accepted appends are not stored, {} may be",
                    rest.size(),
                    unknown.size());
        }
        fail(unknown, mayBeStored("the store was closed while the event was being stored", null));
        rest.forEach(append -> fail(List.of(append), new StoreClosedException(append.operation())));
    }

    private static EventStoreException mayBeStored(String why, @Nullable Throwable cause) {
        return new EventStoreException(
                why + "; it may be stored: store it again with its id and onDuplicate(RETURN_EXISTING)", cause);
    }
}
