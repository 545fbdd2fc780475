package io.synckit.postgres.internal.append;

import io.synckit.AppendResult;
import io.synckit.EventStoreException;
import io.synckit.Instrumentation;
import io.synckit.Instrumentation.Operation;
import io.synckit.InvalidConnectionException;
import io.synckit.StoreClosedException;
import io.synckit.TransactionConflictException;
import io.synckit.postgres.internal.runtime.Clock;
import io.synckit.postgres.internal.runtime.Completions;
import io.synckit.postgres.internal.runtime.NamedThreads;
import io.synckit.postgres.internal.runtime.SafeLog;
import io.synckit.postgres.internal.sql.SqlFailure;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.concurrent.locks.LockSupport;
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
    private static final long PAUSE_AFTER_ERROR_NANOS = 10_000_000;

    private final String thread;
    private final CommitQueue queue;
    private final GroupAppender groups;
    private final EventAppender appender;
    private final Instrumentation instrumentation;
    private final String table;
    private final Completions completions;
    private final Duration longestGroup;
    private volatile @Nullable Thread running;
    private volatile boolean abandoned;

    /**
     * @param thread name of the thread
     * @param longestGroup once an append has failed by a timeout after that time, the rest of its group is not tried, because other appends
     *     wait
     */
    CommitLane(
            String thread,
            CommitQueue queue,
            GroupAppender groups,
            EventAppender appender,
            Instrumentation instrumentation,
            String table,
            Completions completions,
            Duration longestGroup) {
        this.thread = thread;
        this.queue = queue;
        this.groups = groups;
        this.appender = appender;
        this.instrumentation = instrumentation;
        this.table = table;
        this.completions = completions;
        this.longestGroup = longestGroup;
    }

    /** Accepts an append. See {@link CommitQueue#add}. */
    void add(AcceptedAppend append) throws InterruptedException {
        queue.add(append, this::start);
    }

    private void start() {
        Thread current = running;
        if (current == null || !current.isAlive()) {
            Thread starting = NamedThreads.single(thread, this::storeAll);
            starting.start();
            running = starting;
        }
    }

    /** Every accepted append gets an outcome, also after an error such as OutOfMemoryError. */
    private void storeAll() {
        @Nullable Throwable broken = null;
        while (true) {
            try {
                if (broken != null) {
                    failUnanswered(broken);
                    broken = null;
                }
                List<AcceptedAppend> group = queue.takeGroup();
                if (group.isEmpty()) {
                    return;
                }
                storeEach(group.size() == 1 ? group : storeTogether(group));
            } catch (RuntimeException | Error e) {
                broken = e;
                LockSupport.parkNanos(PAUSE_AFTER_ERROR_NANOS);
            }
            // An instrumentation may have left the flag, and then no connection could be borrowed.
            Thread.interrupted();
        }
    }

    /** Fails what an error has left of the last group. */
    private void failUnanswered(Throwable broken) {
        List<AcceptedAppend> unanswered = queue.unanswered();
        if (unanswered.isEmpty()) {
            return;
        }
        SafeLog.warn(log, "group-commit.broken: " + unanswered.size() + " appends may be stored or not", broken);
        fail(unanswered, mayBeStored("storing the group has failed unexpectedly: " + SafeLog.describe(broken), broken));
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
        List<Answer> answers = new ArrayList<>(group.size());
        for (AcceptedAppend append : group) {
            List<AppendResult> results = append.resultsIn(stored);
            if (results == null) {
                rest.add(append);
            } else {
                answers.add(new Answer(append, results));
            }
        }
        answer(answers);
        return rest;
    }

    /** The results of an append that is stored. */
    private record Answer(AcceptedAppend append, List<AppendResult> results) {

        void complete() {
            append.result().complete(results);
        }
    }

    private void answer(List<Answer> answers) {
        try {
            answers.forEach(answer -> answer.append().committed().run());
        } finally {
            completions.run(
                    answers.stream().<Runnable>map(answer -> answer::complete).toList());
            answers.forEach(answer -> answer.append().setAnswered());
        }
    }

    private void storeEach(List<AcceptedAppend> appends) {
        long until = Clock.SYSTEM.nanos() + longestGroup.toNanos();
        for (int i = 0; i < appends.size(); i++) {
            AcceptedAppend append = appends.get(i);
            List<AcceptedAppend> rest = appends.subList(i + 1, appends.size());
            if (abandoned) {
                failClosed(appends.subList(i, appends.size()));
                return;
            }
            try {
                List<AppendResult> results = inOperation(() -> appender.appendAlone(append.request()), all -> all);
                answer(List.of(new Answer(append, results)));
            } catch (EventStoreException e) {
                fail(List.of(append), e);
                if (!concernsOne(e)) {
                    failAll(rest, e);
                    return;
                }
                if (isTimeout(e) && Clock.SYSTEM.nanos() - until > 0) {
                    rest.forEach(each -> fail(List.of(each), notTried(each, e)));
                    return;
                }
            }
        }
    }

    /** Returns whether the failure may be due to one append, and not to the connection. */
    private static boolean concernsOne(EventStoreException e) {
        return !(e instanceof InvalidConnectionException connection
                && connection.reason() == InvalidConnectionException.Reason.UNAVAILABLE);
    }

    private static boolean isTimeout(EventStoreException e) {
        return e instanceof TransactionConflictException
                || e.getCause() instanceof SQLException failure && SqlFailure.isCanceled(failure);
    }

    private EventStoreException notTried(AcceptedAppend append, EventStoreException cause) {
        return new TransactionConflictException(
                append.operation() + " of " + append + " was not tried, because appends of the same group have waited"
                        + " for more than " + longestGroup.toSeconds() + " s; it is not stored, call it again",
                cause);
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

    /** Fails appends because the connection is lost. They may be stored. */
    private void failAll(List<AcceptedAppend> appends, EventStoreException e) {
        fail(appends, e);
        log.warn("group-commit.failed: {} appends are not known to be stored: {}", appends.size(), e.getMessage());
        if (queue.isClosed()) {
            // Each further group would wait for a connection, and fail.
            fail(queue.drain(), e);
        }
    }

    private void fail(List<AcceptedAppend> appends, Throwable failure) {
        completions.run(appends.stream()
                .<Runnable>map(append -> () -> append.result().completeExceptionally(failure))
                .toList());
        appends.forEach(AcceptedAppend::setAnswered);
    }

    private void failClosed(List<AcceptedAppend> appends) {
        appends.forEach(append -> fail(List.of(append), new StoreClosedException(append.operation())));
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
            NamedThreads.join(current, longest);
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
        failClosed(rest);
    }

    private static EventStoreException mayBeStored(String why, @Nullable Throwable cause) {
        return new EventStoreException(
                why + "; it may be stored: store it again with its id and OnDuplicate.RETURN_EXISTING", cause);
    }
}
