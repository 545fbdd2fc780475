package io.synckit.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.synckit.Event;
import io.synckit.postgres.testing.Await;
import io.synckit.postgres.testing.DurableProcess;
import io.synckit.postgres.testing.DurableProcesses;
import io.synckit.postgres.testing.TestDatabase;
import io.synckit.postgres.testing.TestPostgres;
import io.synckit.subscription.DurableOptions;
import io.synckit.subscription.DurableSubscription;
import io.synckit.subscription.StartFrom;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** The events are replaced while the application runs. A partition that is given up at this moment must stop, too. */
class DurableStaleCheckpointTest {

    @RegisterExtension
    private final TestDatabase database = TestPostgres.shared().migratedDatabase();

    private final DurableProcesses processes = new DurableProcesses(database);

    private final List<String> handled = new CopyOnWriteArrayList<>();
    private final ExecutorService threads = Executors.newCachedThreadPool();

    @AfterEach
    void endThreads() {
        threads.shutdownNow();
    }

    /** The process runs tasks until it is closed, which is after the end of {@link #threads}. */
    private static void startThread(Runnable task) {
        new Thread(task, "handler").start();
    }

    private void store(int events) {
        for (int i = 0; i < events; i++) {
            processes.store().store(Event.of("key-" + i, "T", "former"));
        }
    }

    private static DurableOptions options(int partitions) {
        return DurableOptions.named("numbers").startFrom(StartFrom.beginning()).partitions(partitions);
    }

    private void replaceEvents() {
        database.executeDespiteDeadlocks(
                "begin; set local synckit.maintenance = 'on'; truncate synckit.events restart identity;"
                        + " insert into synckit.events (id, aggregate_id, stream_version, event_type, data)"
                        + " select 'new-' || i, 'new-' || i, 1, 'T', '1' from generate_series(1, 30) i; commit");
    }

    private void awaitStopped(int partitions) {
        Await.until(
                database,
                "select count(*) from synckit.events_checkpoints where retry_at = 'infinity'",
                String.valueOf(partitions));
    }

    /** The handler threads are busy when the claims are compared, and another instance joins before the stops are stored. */
    @Test
    void partitionStopsAlthoughItIsToBeReleased() {
        store(10);
        AtomicBoolean busy = new AtomicBoolean();
        CountDownLatch turns = new CountDownLatch(2);
        CountDownLatch free = new CountDownLatch(1);
        DurableProcess first = processes.start(builder -> builder.handlers(task -> startThread(() -> {
            if (busy.get()) {
                turns.countDown();
                Await.latch(free);
            }
            task.run();
        })));
        first.subscriptions().durable(options(2), (event, context) -> handled.add("first"));
        Await.until(database, "select min(position) from synckit.events_checkpoints", "10");
        AtomicInteger statements = new AtomicInteger();
        first.beforeBorrow(() -> {
            if (DurableProcess.isOnCoordinatorThread()) {
                statements.incrementAndGet();
                if (first.listener().historyChange().isPresent()) {
                    busy.set(true);
                }
            }
        });

        replaceEvents();
        Await.latch(turns);
        DurableProcess second = processes.start();
        second.subscriptions().durable(options(2), (event, context) -> handled.add("second"));
        Await.until(database, "select count(*) from synckit.events_instances", "2");
        int before = statements.get();
        Await.until(() -> statements.get() > before + 5); // a check of the owners has ended
        busy.set(false);
        free.countDown();

        awaitStopped(2);
        assertThat(handled).doesNotContain("second").hasSize(10);
    }

    @Test
    void partitionStopsAlthoughItIsPausedAfterTheChange() throws Exception {
        CountDownLatch inLast = new CountDownLatch(1);
        CountDownLatch ends = new CountDownLatch(1);
        DurableProcess process = processes.start();
        DurableSubscription subscription = process.subscriptions().durable(options(1), (event, context) -> {
            handled.add(event.id());
            if (event.data().equals("last")) {
                inLast.countDown();
                ends.await();
            }
        });
        store(10);
        Await.until(database, "select position from synckit.events_checkpoints", "10");
        processes.store().store(Event.of("key", "T", "last"));
        Await.latch(inLast);

        replaceEvents();
        Await.until(() -> process.listener().historyChange().isPresent());
        CompletableFuture<Void> pause = CompletableFuture.runAsync(() -> pause(subscription), threads);
        Await.until(database, "select paused from synckit.events_subscriptions", "t");
        ends.countDown();
        pause.get(1, TimeUnit.MINUTES);

        awaitStopped(1);
        assertThatThrownBy(subscription::resume).hasMessageContaining("call replay");
        assertThat(handled).hasSize(11);
    }

    private static void pause(DurableSubscription subscription) {
        try {
            subscription.pause();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }
}
