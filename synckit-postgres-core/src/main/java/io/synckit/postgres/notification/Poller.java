package io.synckit.postgres.notification;

import io.synckit.ConnectionSource;
import io.synckit.postgres.internal.jdbc.Session;
import io.synckit.postgres.internal.jdbc.SqlFailure;
import io.synckit.postgres.internal.runtime.NamedThreads;
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
 * Lets the tail look through the pool, on a thread of its own: a pool without connections may let it wait for long, and the handlers'
 * threads may all be busy. The auditor has another.
 */
final class Poller implements AutoCloseable {

    private static final Logger log = LoggerFactory.getLogger(Poller.class);

    private static final long PAUSE_AFTER_FAILURE = Duration.ofSeconds(5).toNanos();

    private final ConnectionSource pool;
    private final Tail tail;
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

    Poller(String table, ConnectionSource pool, Tail tail, Counters counters, @Nullable Auditor auditor) {
        this.table = table;
        this.pool = pool;
        this.tail = tail;
        this.counters = counters;
        this.auditor = auditor;
        this.thread = NamedThreads.atMost(1, "synckit-poll-" + table);
        this.auditThread = NamedThreads.atMost(1, "synckit-audit-" + table);
    }

    /** How many polls have succeeded. */
    long succeeded() {
        return succeeded.get();
    }

    /**
     * Begins a look.
     *
     * @param whenMoreMayFollow called if another look is due soon
     * @return false if the last one is not over
     */
    boolean poll(Runnable whenMoreMayFollow) {
        if (!polling.compareAndSet(false, true)) {
            return false;
        }
        try {
            thread.execute(() -> look(whenMoreMayFollow));
        } catch (RejectedExecutionException e) {
            polling.set(false); // closed
        }
        return true;
    }

    /** Said once, until it works again. */
    private void failed(@Nullable RuntimeException failure) {
        (failure == null ? counters.polls : counters.failedPolls).increment();
        if (failure == null && failing) {
            log.info("poll.works: {} is polled again", table);
        } else if (failure != null && !failing) {
            log.warn("poll.failed: {} is tried again: {}", table, failure.getMessage());
        }
        failing = failure != null;
    }

    /** Begins an audit if one is due. */
    void audit() {
        long now = System.nanoTime();
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
            tail.audit(due, session.connection());
            auditFailing = false;
        } catch (SQLException e) {
            auditFailed(SqlFailure.named("auditing " + table, e));
        } catch (RuntimeException e) {
            auditFailed(e);
        } finally {
            auditedAt = System.nanoTime();
            auditing.set(false);
        }
    }

    /** Said once, until it works again. */
    private void auditFailed(RuntimeException failure) {
        if (!auditFailing) {
            log.warn("audit.failed: {} is tried again: {}", table, failure.getMessage());
        }
        auditFailing = true;
    }

    private void look(Runnable whenMoreMayFollow) {
        try (Session session = Session.open(pool)) {
            // Another connection each time, and perhaps another server.
            tail.suspect();
            if (tail.look(session.connection()).more()) {
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
