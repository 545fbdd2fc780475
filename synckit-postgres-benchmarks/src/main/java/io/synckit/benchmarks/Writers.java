package io.synckit.benchmarks;

import io.synckit.Event;
import io.synckit.EventStore;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/** Threads that store one event after the other, each in a transaction of its own. */
final class Writers {

    private Writers() {}

    /** How many events they have stored in the time. */
    static long write(EventStore store, int writers, long nanos) throws Exception {
        ExecutorService threads = Executors.newFixedThreadPool(writers);
        try {
            long end = System.nanoTime() + nanos;
            List<Future<Long>> counts = new ArrayList<>();
            for (int i = 0; i < writers; i++) {
                String prefix = "writer-" + i + "-";
                counts.add(threads.submit(() -> {
                    long count = 0;
                    while (System.nanoTime() < end) {
                        store.store(Event.of(prefix + count, "OrderPlaced", Map.of("item", "coffee", "quantity", 2)));
                        count++;
                    }
                    return count;
                }));
            }
            long stored = 0;
            for (Future<Long> count : counts) {
                stored += count.get();
            }
            return stored;
        } finally {
            threads.shutdownNow();
        }
    }
}
