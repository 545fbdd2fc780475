package io.synckit.postgres.testing;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/** What reaches a subscriber, to be waited for. */
public final class Collector<T> {

    private static final long LONGEST_SECONDS = 240;

    private final BlockingQueue<T> arrived = new LinkedBlockingQueue<>();

    public void add(T item) {
        arrived.add(item);
    }

    /** The next one; fails after four minutes. */
    public T next() throws InterruptedException {
        T item = arrived.poll(LONGEST_SECONDS, TimeUnit.SECONDS);
        assertThat(item).as("the next to arrive").isNotNull();
        return item;
    }

    /** The next so many. */
    public List<T> next(int count) throws InterruptedException {
        List<T> items = new ArrayList<>();
        while (items.size() < count) {
            items.add(next());
        }
        return items;
    }

    /** All that have arrived and were not taken. */
    public List<T> rest() {
        List<T> items = new ArrayList<>();
        arrived.drainTo(items);
        return items;
    }

    /** Waits until one arrives that the condition accepts, and throws away those before. */
    public T until(java.util.function.Predicate<T> condition) throws InterruptedException {
        T item = next();
        while (!condition.test(item)) {
            item = next();
        }
        return item;
    }
}
