package io.synckit.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import io.synckit.Event;
import io.synckit.EventStoreException;
import io.synckit.postgres.testing.Await;
import io.synckit.postgres.testing.DurableProcess;
import io.synckit.postgres.testing.DurableProcesses;
import io.synckit.postgres.testing.TestDatabase;
import io.synckit.postgres.testing.TestPostgres;
import io.synckit.subscription.DurableOptions;
import io.synckit.subscription.DurableOptions.OnExhausted;
import io.synckit.subscription.DurableOptions.Ordering;
import io.synckit.subscription.DurableStatus;
import io.synckit.subscription.DurableSubscription;
import io.synckit.subscription.DurableSubscription.PartitionActivity;
import io.synckit.subscription.DurableSubscription.State;
import io.synckit.subscription.StartFrom;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** The state of a partition shows whether it waits, and why, also after a take-over or an outage. */
class DurableStateTest {

    private static final Duration LONG = Duration.ofMinutes(10);

    @RegisterExtension
    private final TestDatabase database = TestPostgres.shared().migratedDatabase();

    private final DurableProcesses processes = new DurableProcesses(database);

    private static DurableOptions options() {
        return DurableOptions.named("numbers")
                .startFrom(StartFrom.beginning())
                .backoff(Duration.ofMillis(20), 1, Duration.ofMillis(20));
    }

    private static DurableOptions total() {
        return options().ordering(Ordering.TOTAL).onExhausted(OnExhausted.STOP);
    }

    private static PartitionActivity activity(DurableSubscription subscription) {
        return subscription.activity().get(0);
    }

    @Test
    void nextOwnerShowsWhyThePartitionWaits() {
        DurableOptions options = total().backoff(LONG, 1, LONG);
        DurableSubscription first = processes
                .startFailing(options)
                .subscriptions()
                .durable("numbers")
                .orElseThrow();
        processes.store("a", 0);
        Await.until(() -> activity(first).state() == State.BACKING_OFF);
        first.close();

        DurableSubscription next = processes
                .startFailing(options)
                .subscriptions()
                .durable("numbers")
                .orElseThrow();
        Await.until(() -> activity(next).state() != State.NOT_OWNED);

        PartitionActivity shown = activity(next);
        assertThat(shown.state()).isEqualTo(State.BACKING_OFF);
        assertThat(shown.failure()).contains("on purpose");
        Await.until(() -> activity(next).lag().versions() == 1);
        assertThat(activity(next).lag().time()).isPositive();
    }

    /** 1000 keys wait, so that the next event is tried in place, until one of them is discarded. */
    @Test
    void partitionRunsWhenTheEventInPlaceHasBecomeAWaitingKey() {
        List<Event> events = new ArrayList<>();
        for (int i = 0; i < 1001; i++) {
            events.add(Event.of("good", "T", i));
            events.add(Event.of("key-" + i, "T", i));
        }
        DurableSubscription subscription = processes
                .start()
                .subscriptions()
                .durable(options().maxRetries(0), (event, context) -> {
                    if (!event.aggregateId().equals("good")) {
                        throw new IllegalStateException("on purpose");
                    }
                });
        processes.store().storeBatch(events);
        Await.until(database, "select count(*) from synckit.events_parked where retry_at is null", "1000");
        Await.until(() -> activity(subscription).state() == State.BACKING_OFF);

        assertThat(subscription.discard("key-5")).isTrue();

        Await.until(() -> activity(subscription).lag().versions() == 0);
        Await.until(() -> activity(subscription).state() == State.RUNNING);
        assertThat(activity(subscription).failure()).isEmpty();
    }

    @Test
    void releaseForgetsTheFailureOfAHandledEvent() throws InterruptedException {
        CountDownLatch called = new CountDownLatch(1);
        CountDownLatch goOn = new CountDownLatch(1);
        AtomicInteger calls = new AtomicInteger();
        DurableSubscription subscription = processes.start().subscriptions().durable(total(), (event, context) -> {
            if (calls.incrementAndGet() <= 3) {
                throw new IllegalStateException("on purpose");
            }
            called.countDown();
            Await.latch(goOn);
        });
        processes.store("a", 0);
        Await.latch(called);
        Thread closing = new Thread(subscription::close);
        closing.start();
        Await.until(() -> closing.getState() == Thread.State.TIMED_WAITING);

        goOn.countDown();
        closing.join();

        DurableStatus.Partition partition = processes
                .start()
                .subscriptions()
                .durable(total(), (event, context) -> {})
                .status()
                .partitions()
                .get(0);
        assertThat(partition.position()).isEqualTo(processes.store().latestVersion());
        assertThat(partition.failure()).isNull();
        assertThat(partition.suspect()).isNull();
        assertThat(partition.attempts()).isZero();
    }

    /** After the owner timeout of three seconds, no handler is called any more. */
    @Test
    void outageIsShownForAsLongAsItLasts() {
        AtomicBoolean down = new AtomicBoolean();
        DurableProcess process = processes.start();
        DurableSubscription subscription = process.subscriptions().durable(options(), (event, context) -> {
            if (down.get()) {
                throw new SQLException("on purpose", "08006");
            }
        });
        Await.until(() -> activity(subscription).state() == State.RUNNING);
        down.set(true);
        processes.store("a", 0);
        Await.until(() -> activity(subscription).state() == State.BACKING_OFF);
        process.beforeBorrow(() -> {
            throw new EventStoreException("on purpose", new SQLException("on purpose", "08006"));
        });
        process.loseListener();

        Await.until(() -> {
            assertThat(activity(subscription).state()).isEqualTo(State.BACKING_OFF);
            return activity(subscription).lag().time().compareTo(Duration.ofSeconds(6)) > 0;
        });

        process.beforeBorrow(() -> {});
        down.set(false);
        process.findListener();
        Await.until(() -> activity(subscription).state() == State.RUNNING);
    }
}
