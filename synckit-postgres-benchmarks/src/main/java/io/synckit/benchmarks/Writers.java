package io.synckit.benchmarks;

import io.synckit.benchmarks.contenders.Contender;
import io.synckit.benchmarks.contenders.Order;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicLong;

/** Threads that store for some time, ten events to each aggregate. Every event of a run has a number of its own. */
final class Writers {

    private static final int EVENTS_OF_AGGREGATE = 10;
    private static final AtomicLong NEXT = new AtomicLong(1);
    private static final AtomicLong AGGREGATES = new AtomicLong();

    private Writers() {}

    /** Returns the lowest number that no event has. */
    static long next() {
        return NEXT.get();
    }

    /** The number of stored events and the time that it took. */
    record Stored(long events, double seconds) {

        double perSecond() {
            return events / seconds;
        }
    }

    /** A way to store one event. */
    interface Store {
        void store(Contender contender, Order order) throws Exception;
    }

    /** One event in a transaction. */
    static Stored store(Contender contender, int writers, long millis) throws Exception {
        return store(contender, Contender::store, writers, millis);
    }

    /** One event a call. */
    static Stored store(Contender contender, Store store, int writers, long millis) throws Exception {
        return write(writers, millis, contender, new OneByOne(contender, store)::run);
    }

    /** Batches. */
    static Stored storeBatches(Contender contender, int writers, int size, long millis) throws Exception {
        return write(writers, millis, contender, end -> {
            long count = 0;
            while (System.nanoTime() < end) {
                contender.storeBatch(batch(size));
                count += size;
            }
            return count;
        });
    }

    /** Orders for one batch, a hundred to each aggregate. */
    static List<Order> batch(int size) {
        List<Order> orders = new ArrayList<>(size);
        String aggregate = "";
        for (int i = 0; i < size; i++) {
            if (i % 100 == 0) {
                aggregate = "aggregate-" + AGGREGATES.incrementAndGet();
            }
            orders.add(Order.of(aggregate, i % 100 + 1, NEXT.getAndIncrement()));
        }
        return orders;
    }

    /** An order of an aggregate of its own. */
    static Order order() {
        return Order.of("aggregate-" + AGGREGATES.incrementAndGet(), 1, NEXT.getAndIncrement());
    }

    private record OneByOne(Contender contender, Store store) {

        long run(long end) throws Exception {
            long count = 0;
            String aggregate = "";
            while (System.nanoTime() < end) {
                int nth = (int) (count % EVENTS_OF_AGGREGATE);
                if (nth == 0) {
                    aggregate = "aggregate-" + AGGREGATES.incrementAndGet();
                }
                store.store(contender, Order.of(aggregate, nth + 1, NEXT.getAndIncrement()));
                count++;
            }
            return count;
        }
    }

    private interface Work {
        long until(long end) throws Exception;
    }

    private static Stored write(int writers, long millis, Contender contender, Work work) throws Exception {
        ExecutorService threads = Executors.newFixedThreadPool(writers);
        try {
            long start = System.nanoTime();
            long end = start + millis * 1_000_000;
            Callable<Long> writer = () -> work.until(end);
            List<Future<Long>> counts = new ArrayList<>();
            for (int i = 0; i < writers; i++) {
                counts.add(threads.submit(writer));
            }
            long stored = 0;
            for (Future<Long> count : counts) {
                stored += count.get();
            }
            contender.settle();
            return new Stored(stored, (System.nanoTime() - start) / 1e9);
        } finally {
            threads.shutdownNow();
        }
    }
}
