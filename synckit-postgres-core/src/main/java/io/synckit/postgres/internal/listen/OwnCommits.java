package io.synckit.postgres.internal.listen;

import java.time.Duration;
import java.util.concurrent.atomic.AtomicReference;

/**
 * The commits of this process that no notification has answered yet.
 *
 * <p>A transaction that finds the doorbell lock taken commits without notifying, and relies on the transaction that holds the lock. If that
 * one fails in its commit phase, no listener is notified. So a process that has committed and received no notification since it began to store
 * sends one itself. A listener that was notified since then has seen the transaction announced, and reads until it has ended. That this
 * process has delivered the event proves nothing about the others.
 *
 * <p>{@link #committed} may be called by any thread, the rest by the listener's thread only. Times are those of {@link
 * io.synckit.postgres.internal.runtime.Clock#nanos}.
 */
final class OwnCommits {

    private static final long NOTIFICATION_IS_LATE = Duration.ofMillis(20).toNanos();

    private final AtomicReference<Commit> last = new AtomicReference<>(new Commit(0, 0));
    private Commit answered = last.get();
    private boolean notified;
    private long notifiedAt;

    /** This process has committed something that it began to store at this time. */
    void committed(long begun, long now) {
        last.updateAndGet(commit -> new Commit(now, commit.begun - begun > 0 ? commit.begun : begun));
    }

    boolean isPending() {
        return last.get() != answered;
    }

    /** A notification was received. */
    void notified(long now) {
        notified = true;
        notifiedAt = now;
    }

    /** Returns whether a notification must be sent, and regards the commits as answered if the time to decide has come. */
    boolean mustNotify(long now) {
        Commit commit = last.get();
        if (commit == answered || now - commit.at < NOTIFICATION_IS_LATE) {
            return false;
        }
        answered = commit;
        return !notified || notifiedAt - commit.begun < 0;
    }

    /** A poll reads what was committed. */
    void answer() {
        answered = last.get();
    }

    private record Commit(long at, long begun) {}
}
