package io.synckit.postgres.internal.listen;

import io.synckit.ConnectionSource;
import io.synckit.postgres.internal.runtime.Clock;
import io.synckit.postgres.internal.runtime.NamedThreads;
import io.synckit.postgres.internal.sql.Session;
import io.synckit.postgres.internal.sql.SqlFailure;
import java.sql.SQLException;
import java.time.Duration;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Polls through the pool, on a thread of its own, because an exhausted pool may block it and all handler threads may be busy. The auditor
 * has another thread.
 */
public final class Poller implements AutoCloseable {

    private static final Logger log = LoggerFactory.getLogger(Poller.class);

    private static final long PAUSE_AFTER_FAILURE = Duration.ofSeconds(5).toNanos();

    private final ConnectionSource pool;
    private final LogReader reader;
    private final Clock clock;
    private final ExecutorService thread;
    private final ExecutorService auditThread;
    private final AtomicBoolean polling = new AtomicBoolean();
    private final AtomicBoolean auditing = new AtomicBoolean();
    private final AtomicLong succeeded = new AtomicLong();
    private final String table;
    private final Counters counters;
    private final @Nullable Auditor auditor;
    private boolean failing;
    private volatile boolean auditFailing;
    private volatile long auditedAt;

    public Poller(
            String table,
            ConnectionSource pool,
            LogReader reader,
            Counters counters,
            @Nullable Auditor auditor,
            Clock clock) {
        this.table = table;
        this.pool = pool;
        this.reader = reader;
        this.clock = clock;
        this.counters = counters;
        this.auditor = auditor;
        this.thread = NamedThreads.atMost(1, "synckit-poll-" + table);
        this.auditThread = NamedThreads.atMost(1, "synckit-audit-" + table);
    }

    /** Returns how many polls have succeeded. */
    long succeeded() {
        return succeeded.get();
    }

    /**
     * Starts a poll.
     *
     * @param whenMoreMayFollow called if events may follow soon
     * @return false if the last poll is not over
     */
    boolean poll(Runnable whenMoreMayFollow) {
        if (!polling.compareAndSet(false, true)) {
            return false;
        }
        try {
            thread.execute(() -> read(whenMoreMayFollow));
        } catch (RejectedExecutionException e) {
            polling.set(false); // closed
        }
        return true;
    }

    /** Logs the first failure of a row, and the next success. */
    private void failed(@Nullable RuntimeException failure) {
        (failure == null ? counters.polls : counters.failedPolls).increment();
        if (failure == null && failing) {
            log.info("poll.works: polling {} works again", table);
        } else if (failure != null && !failing) {
            log.warn("poll.failed: polling {} has failed and is retried: {}", table, failure.getMessage());
        }
        failing = failure != null;
    }

    /** Starts an audit if one is due. */
    void audit() {
        long now = clock.nanos();
        boolean soon = auditFailing && now - auditedAt < PAUSE_AFTER_FAILURE;
        if (auditor == null || soon || !auditor.isDue(now) || !auditing.compareAndSet(false, true)) {
            return;
        }
        try {
            auditThread.execute(() -> audit(auditor));
        } catch (RejectedExecutionException e) {
            auditing.set(false); // closed
        }
    }

    private void audit(Auditor due) {
        try (Session session = Session.open(pool)) {
            reader.audit(due, session.connection());
            auditFailing = false;
        } catch (SQLException e) {
            auditFailed(SqlFailure.named("auditing " + table, e));
        } catch (RuntimeException | Error e) { // without the pause after a failure, an error would be repeated at once
            auditFailed(e);
        } finally {
            auditedAt = clock.nanos();
            auditing.set(false);
        }
    }

    /** Logs the first failure of a row. */
    private void auditFailed(Throwable failure) {
        if (!auditFailing) {
            log.warn("audit.failed: the audit of {} has failed and is retried: {}", table, failure.getMessage());
        }
        auditFailing = true;
    }

    private void read(Runnable whenMoreMayFollow) {
        try (Session session = Session.open(pool)) {
            // Each poll may use another connection, perhaps to another server.
            reader.verifyNext();
            if (reader.read(session.connection()).moreMayFollow()) {
                whenMoreMayFollow.run();
            }
            succeeded.incrementAndGet();
            failed(null);
        } catch (SQLException e) {
            failed(SqlFailure.named("polling " + table, e));
        } catch (RuntimeException e) {
            failed(e);
        } finally {
            polling.set(false);
        }
    }

    @Override
    public void close() {
        thread.shutdown();
        auditThread.shutdown();
    }
}
