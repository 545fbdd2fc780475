package io.synckit.postgres.internal.durable;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/** The next planned wake-up of a partition. The timer of the coordinator is not used, because its thread may wait for the database. Thread-safe. */
final class WakeUp {

    private final Runnable action;
    private final AtomicReference<@Nullable CompletableFuture<?>> next = new AtomicReference<>();

    WakeUp(Runnable action) {
        this.action = action;
    }

    /** Plans a wake-up in place of the one before. */
    void after(long nanos) {
        CompletableFuture<?> planned = new CompletableFuture<>().completeOnTimeout(null, nanos, TimeUnit.NANOSECONDS);
        replace(planned);
        planned.thenRun(action);
    }

    void cancel() {
        replace(null);
    }

    private void replace(@Nullable CompletableFuture<?> planned) {
        CompletableFuture<?> before = next.getAndSet(planned);
        if (before != null) {
            before.cancel(false);
        }
    }
}
