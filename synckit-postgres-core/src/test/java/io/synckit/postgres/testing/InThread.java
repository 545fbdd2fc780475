package io.synckit.postgres.testing;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.function.Supplier;

/** Work in a thread of its own: what waits for a lock must not keep a shared pool's only thread. */
public final class InThread {

    private static final Executor NEW_THREAD = work -> {
        Thread thread = new Thread(work);
        thread.setDaemon(true);
        thread.start();
    };

    private InThread() {}

    public static <T> CompletableFuture<T> inThread(Supplier<T> work) {
        return CompletableFuture.supplyAsync(work, NEW_THREAD);
    }

    public static CompletableFuture<Void> inThread(Runnable work) {
        return CompletableFuture.runAsync(work, NEW_THREAD);
    }
}
