package io.synckit.postgres.internal.durable;

import io.synckit.postgres.internal.runtime.Clock;
import java.time.Duration;

/** Starts and stops the serving of durable subscriptions, one after the other: the last call decides. Thread-safe. */
final class DurableLifecycle {

    private final Coordinator coordinator;
    private final Membership membership;
    private final DurableRegistry registry;
    private final Clock clock;
    private boolean wanted;
    private boolean stopping;

    DurableLifecycle(Coordinator coordinator, Membership membership, DurableRegistry registry, Clock clock) {
        this.coordinator = coordinator;
        this.membership = membership;
        this.registry = registry;
        this.clock = clock;
    }

    /** Serves the subscriptions from now on, or after the end of a stop. Without subscriptions it does nothing. */
    synchronized void start() {
        wanted = true;
        startIfWanted();
    }

    /** This process has other subscriptions than before. */
    void subscriptionsChanged() {
        synchronized (this) {
            if (!wanted || startIfWanted()) {
                return;
            }
        }
        coordinator.storeNames();
    }

    private synchronized boolean startIfWanted() {
        boolean starts = wanted && !stopping && !registry.isEmpty() && !coordinator.isServing();
        if (starts) {
            coordinator.start(membership);
        }
        return starts;
    }

    /** Decides to stop. The returned action stops; a start before it has ended takes effect afterwards. */
    synchronized Runnable beginStop(Duration limit) {
        wanted = false;
        if (stopping) {
            return () -> awaitStopped(limit);
        }
        stopping = true;
        return () -> stop(limit);
    }

    private void stop(Duration limit) {
        try {
            coordinator.stop(limit);
        } finally {
            synchronized (this) {
                stopping = false;
                notifyAll();
                startIfWanted();
            }
        }
    }

    private synchronized void awaitStopped(Duration limit) {
        long end = clock.nanos() + limit.toNanos();
        try {
            for (long left = limit.toMillis(); stopping && left > 0; left = (end - clock.nanos()) / 1_000_000) {
                wait(left);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
