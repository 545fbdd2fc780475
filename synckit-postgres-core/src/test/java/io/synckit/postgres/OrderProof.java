package io.synckit.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import io.synckit.Event;
import io.synckit.EventPage;
import io.synckit.EventStore;
import io.synckit.StoredEvent;
import io.synckit.Version;
import io.synckit.postgres.testing.CallersTransaction;
import io.synckit.postgres.testing.SecretsAppender;
import io.synckit.postgres.testing.TestDatabase;
import java.sql.SQLException;
import java.sql.Savepoint;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;

/**
 * Writers that interleave at random, readers that follow, and a record of every commit to compare with. Finds lost,
 * duplicate and reordered events. Beside the writers, one transaction stores first and commits when half of the others are done. An
 * unrelated transaction stays open to the end.
 */
final class OrderProof {

    private static final int WRITERS = 16;
    private static final int READERS = 3;
    private static final int AGGREGATES = 40;

    private final TestDatabase database;
    private final EventStore store;
    private final int transactions;
    private final long seed;
    private final Set<String> committed = ConcurrentHashMap.newKeySet();
    private final AtomicInteger done = new AtomicInteger();
    private final CountDownLatch half;

    OrderProof(TestDatabase database, int transactionsOfEachWriter, long seed) {
        this.database = database;
        this.store = PostgresEventStore.on(database.pool(), Config.defaults());
        this.transactions = transactionsOfEachWriter;
        this.seed = seed;
        this.half = new CountDownLatch(WRITERS * transactionsOfEachWriter / 2);
    }

    /** What a reader does: the events after a version. */
    interface Follower {
        EventPage after(Version since) throws SQLException;
    }

    EventStore store() {
        return store;
    }

    /** What each reader saw, in its order. */
    List<List<StoredEvent>> run(Follower follower) throws Exception {
        database.execute("create table unrelated (n integer)");
        ExecutorService threads = Executors.newCachedThreadPool();
        try (CallersTransaction stranger = CallersTransaction.begin(database)) {
            stranger.execute("insert into unrelated values (1)");
            CountDownLatch longOneHasStored = new CountDownLatch(1);
            Future<?> longOne = threads.submit(() -> longTransaction(longOneHasStored));
            longOneHasStored.await();
            List<Future<?>> writers = new ArrayList<>();
            for (int i = 0; i < WRITERS; i++) {
                int writer = i;
                writers.add(threads.submit(() -> write(writer)));
            }
            List<Future<List<StoredEvent>>> readers = new ArrayList<>();
            for (int i = 0; i < READERS; i++) {
                readers.add(threads.submit(follow(follower)));
            }
            for (Future<?> writer : writers) {
                writer.get();
            }
            longOne.get();
            done.incrementAndGet();
            List<List<StoredEvent>> seen = new ArrayList<>();
            for (Future<List<StoredEvent>> reader : readers) {
                seen.add(reader.get());
            }
            // The unrelated transaction is open to the end.
            stranger.rollback();
            return seen;
        } finally {
            threads.shutdownNow();
        }
    }

    private Void longTransaction(CountDownLatch hasStored) throws Exception {
        try (CallersTransaction caller = CallersTransaction.begin(database)) {
            Event event = Event.of("long", "T", Map.of());
            caller.store().store(event);
            hasStored.countDown();
            half.await();
            caller.commit();
            committed.add(event.id());
        }
        return null;
    }

    private Void write(int writer) throws Exception {
        Random random = new Random(seed + writer);
        for (int i = 0; i < transactions; i++) {
            if (random.nextInt(4) == 0) {
                Event event = event(random);
                store.store(event);
                committed.add(event.id());
            } else {
                writeInTransaction(random);
            }
            half.countDown();
        }
        return null;
    }

    private void writeInTransaction(Random random) throws SQLException {
        try (CallersTransaction caller = CallersTransaction.beginPooled(database)) {
            Set<String> ids = new HashSet<>();
            // Aggregates in one order, as a careful application has it: no deadlocks here.
            List<Event> events = new ArrayList<>();
            for (int n = 1 + random.nextInt(4); n > 0; n--) {
                events.add(event(random));
            }
            events.sort((a, b) -> a.aggregateId().compareTo(b.aggregateId()));
            for (Event event : events) {
                if (random.nextInt(5) == 0) {
                    Savepoint savepoint = caller.savepoint();
                    caller.store().store(event);
                    caller.rollbackTo(savepoint);
                } else {
                    caller.store().store(event);
                    ids.add(event.id());
                }
                if (random.nextInt(3) == 0) {
                    LockSupport.parkNanos(random.nextInt(3_000_000));
                }
            }
            if (random.nextInt(10) == 0) {
                caller.rollback();
            } else {
                caller.commit();
                committed.addAll(ids);
            }
        }
    }

    private static Event event(Random random) {
        return Event.of(
                "agg-%02d".formatted(random.nextInt(AGGREGATES)),
                "T",
                Map.of("n", SecretsAppender.PAYLOAD + random.nextInt()));
    }

    private static final long PAUSE = 1_000_000;

    private Callable<List<StoredEvent>> follow(Follower follower) {
        return () -> {
            List<StoredEvent> seen = new ArrayList<>();
            Version since = Version.ZERO;
            while (true) {
                boolean last = done.get() > 0;
                EventPage page = follower.after(since);
                seen.addAll(page.events());
                since = page.next();
                if (last && page.events().isEmpty()) {
                    return seen;
                }
                if (page.events().isEmpty()) {
                    LockSupport.parkNanos(PAUSE); // leaves the processors to the writers
                }
            }
        };
    }

    /** How many committed events a reader did not see. */
    int lost(List<StoredEvent> seen) {
        Set<String> missing = new HashSet<>(committed);
        seen.forEach(event -> missing.remove(event.id()));
        return missing.size();
    }

    void assertComplete(List<StoredEvent> seen) {
        assertThat(lost(seen)).as("lost").isZero();
        assertThat(seen).extracting(StoredEvent::id).doesNotHaveDuplicates();
        assertThat(seen).as("seen and committed").hasSameSizeAs(committed);
        Map<String, Long> streamVersions = new HashMap<>();
        long version = 0;
        for (StoredEvent event : seen) {
            assertThat(event.version().value()).isGreaterThan(version);
            version = event.version().value();
            assertThat(event.streamVersion())
                    .as("stream version of %s", event)
                    .isEqualTo(streamVersions.merge(event.aggregateId(), 1L, Long::sum));
        }
    }
}
