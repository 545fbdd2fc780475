package io.synckit.benchmarks.contenders;

import io.synckit.postgres.Config;
import io.synckit.postgres.schema.NotifyMode;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;

/** This library's storeAsync. */
public final class OursAsync implements Contender {

    private final Ours ours;
    private final boolean awaits;
    private final AtomicLong accepted = new AtomicLong();
    private final AtomicLong stored = new AtomicLong();
    private final AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();

    private final int lanes;

    /** @param awaits whether a caller waits for each result before its next event; otherwise for room only */
    public OursAsync(Database database, boolean awaits) {
        this(database, awaits, Config.DEFAULT_ASYNC_LANES);
    }

    /** With another number of lanes than the default. */
    public OursAsync(Database database, boolean awaits, int lanes) {
        this.ours = new Ours(database, NotifyMode.COALESCED, lanes, (awaits ? "_awaiting_" : "_async_") + lanes);
        this.awaits = awaits;
        this.lanes = lanes;
    }

    @Override
    public String name() {
        return "synckit, storeAsync"
                + (lanes == Config.DEFAULT_ASYNC_LANES ? "" : ", " + lanes + " lanes")
                + (awaits ? ", each awaited" : "");
    }

    @Override
    public Set<Can> can() {
        return Set.of(Can.FOLLOW, Can.READ_ALL, Can.READ_STREAM);
    }

    @Override
    public void create() throws Exception {
        ours.create();
    }

    @Override
    public long store(Order order) {
        long start = System.nanoTime();
        var result = ours.store().storeAsync(Ours.event(order));
        if (awaits) {
            result.join();
        } else {
            accepted.incrementAndGet();
            result.whenComplete((event, e) -> {
                if (e != null) {
                    failure.set(e);
                }
                stored.incrementAndGet();
            });
        }
        return start;
    }

    /** Waits until everything that was accepted is stored. */
    @Override
    public void settle() {
        while (stored.get() < accepted.get()) {
            LockSupport.parkNanos(100_000);
        }
        Throwable e = failure.get();
        if (e != null) {
            throw new IllegalStateException("not stored", e);
        }
    }

    @Override
    public void readAll(LongConsumer each) {
        ours.readAll(each);
    }

    @Override
    public void readStream(String aggregateId, LongConsumer each) {
        ours.readStream(aggregateId, each);
    }

    @Override
    public Following follow(LongConsumer each) throws Exception {
        return ours.follow(each);
    }

    @Override
    public void close() {
        ours.close();
    }
}
