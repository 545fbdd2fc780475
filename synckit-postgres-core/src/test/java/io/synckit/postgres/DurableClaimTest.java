package io.synckit.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import io.synckit.Event;
import io.synckit.postgres.testing.Await;
import io.synckit.postgres.testing.DurableProcess;
import io.synckit.postgres.testing.DurableProcesses;
import io.synckit.postgres.testing.TestDatabase;
import io.synckit.postgres.testing.TestPostgres;
import io.synckit.subscription.DurableOptions;
import io.synckit.subscription.DurableOptions.Delivery;
import io.synckit.subscription.DurableSubscription;
import io.synckit.subscription.StartFrom;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Claims of partitions whose start fails, or is overtaken. */
class DurableClaimTest {

    @RegisterExtension
    private final TestDatabase database = TestPostgres.shared().migratedDatabase();

    private final DurableProcesses processes = new DurableProcesses(database);

    private static DurableOptions options() {
        return DurableOptions.named("numbers").startFrom(StartFrom.beginning()).delivery(Delivery.AT_LEAST_ONCE);
    }

    private void store(int events) {
        for (int i = 0; i < events; i++) {
            processes.store().store(Event.of("key", "T", i));
        }
    }

    /** The partition is claimed before the reader is started, so it has handled all that the reader had published before. */
    @Test
    void subscriptionThatIsStartedAgainHandlesWhatWasStoredMeanwhile() {
        DurableProcess process = processes.start();
        AtomicInteger handled = new AtomicInteger();
        DurableSubscription first =
                process.subscriptions().durable(options(), (event, context) -> handled.incrementAndGet());
        store(5);
        Await.until(database, "select position from synckit.events_checkpoints", "5");
        Thread starter = Thread.currentThread();
        CountDownLatch registered = new CountDownLatch(1);
        AtomicBoolean starts = new AtomicBoolean();
        AtomicInteger statements = new AtomicInteger();
        process.beforeBorrow(() -> {
            if (DurableProcess.isOnCoordinatorThread()) {
                Await.latch(registered);
            } else if (starts.get() && Thread.currentThread() == starter && statements.incrementAndGet() == 2) {
                registered.countDown();
                Await.until(database, "select owner is not null from synckit.events_checkpoints", "t");
            }
        });
        first.close();
        store(5);

        starts.set(true);
        process.subscriptions().durable(options(), (event, context) -> handled.incrementAndGet());

        Await.until(() -> handled.get() == 10);
    }

    /** The row names this process as the former owner after that. */
    @Test
    void deathIsCountedAlthoughTheStartOfTheClaimFailsOnce() {
        CountDownLatch ends = new CountDownLatch(1);
        CountDownLatch inFirst = new CountDownLatch(1);
        CountDownLatch inSecond = new CountDownLatch(1);
        DurableProcess first = processes.start();
        first.subscriptions().durable(options(), (event, context) -> {
            inFirst.countDown();
            ends.await();
        });
        DurableProcess second = processes.start();
        second.subscriptions().durable(options(), (event, context) -> {
            inSecond.countDown();
            ends.await();
        });
        Await.until(database, "select count(*) from synckit.events_instances", "2");
        store(1);
        Await.latch(inFirst);
        String owner = database.query("select owner from synckit.events_checkpoints");
        AtomicBoolean failed = new AtomicBoolean();
        second.beforeBorrow(() -> {
            if (DurableProcess.isOnCoordinatorThread()
                    && !owner.equals(database.query("select owner from synckit.events_checkpoints"))
                    && failed.compareAndSet(false, true)) {
                throw new IllegalStateException("no connection, once");
            }
        });

        first.die();
        Await.latch(inSecond);

        assertThat(failed).isTrue();
        assertThat(database.query("select deaths from synckit.events_checkpoints"))
                .isEqualTo("1");
        ends.countDown();
    }
}
