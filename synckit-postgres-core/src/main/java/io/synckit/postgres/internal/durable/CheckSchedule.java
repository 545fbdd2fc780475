package io.synckit.postgres.internal.durable;

import io.synckit.postgres.internal.runtime.Clock;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** Plans one task at a time: the earliest of the times that were requested. Thread-safe. */
final class CheckSchedule {

    private final ScheduledExecutorService timer;
    private final Runnable task;
    private final Clock clock;
    private @Nullable ScheduledFuture<?> planned;
    private long plannedAt;

    CheckSchedule(ScheduledExecutorService timer, Runnable task, Clock clock) {
        this.timer = timer;
        this.task = task;
        this.clock = clock;
    }

    /** Runs the task at this time or before. */
    synchronized void request(long afterNanos) {
        long at = clock.nanos() + afterNanos;
        ScheduledFuture<?> before = planned;
        if (before != null) {
            if (plannedAt - at <= 0) {
                return;
            }
            before.cancel(false);
        }
        plannedAt = at;
        try {
            planned = timer.schedule(this::run, afterNanos, TimeUnit.NANOSECONDS);
        } catch (RejectedExecutionException e) {
            planned = null; // closed
        }
    }

    private void run() {
        synchronized (this) {
            planned = null;
        }
        task.run();
    }
}
