package io.synckit.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import io.synckit.EventStoreException;
import io.synckit.postgres.testing.Await;
import io.synckit.postgres.testing.DurableProcess;
import io.synckit.postgres.testing.DurableProcesses;
import io.synckit.postgres.testing.TestDatabase;
import io.synckit.postgres.testing.TestPostgres;
import io.synckit.subscription.DurableOptions;
import io.synckit.subscription.DurableOptions.OnExhausted;
import io.synckit.subscription.DurableOptions.Ordering;
import io.synckit.subscription.DurableSubscription;
import io.synckit.subscription.DurableSubscription.State;
import io.synckit.subscription.ParkedKey;
import io.synckit.subscription.StartFrom;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The database fails at the moment when a partition stores what follows a failed event. */
class DurableDatabaseFailureTest {

    @RegisterExtension
    private final TestDatabase database = TestPostgres.shared().migratedDatabase();

    private final DurableProcesses processes = new DurableProcesses(database);

    private static DurableOptions options() {
        return DurableOptions.named("numbers")
                .startFrom(StartFrom.beginning())
                .backoff(Duration.ofMillis(20), 1, Duration.ofMillis(20));
    }

    /** With TOTAL the event is tried again in place, with PER_KEY its key waits. */
    @ParameterizedTest
    @EnumSource(Ordering.class)
    void attemptsStillCountIfTheStopCannotBeStored(Ordering ordering) {
        AtomicInteger calls = new AtomicInteger();
        AtomicInteger borrowed = new AtomicInteger(-1);
        int failing =
                ordering == Ordering.TOTAL ? 1 : 2; // the second one was that of the stop, when it was stored alone
        DurableProcess process = processes.start();
        process.beforeBorrow(() -> {
            if (!DurableProcess.isOnCoordinatorThread()
                    && borrowed.get() >= 0
                    && borrowed.incrementAndGet() == failing) {
                throw new EventStoreException("on purpose", new SQLException("on purpose", "08006"));
            }
        });
        DurableSubscription subscription = process.subscriptions()
                .durable(
                        options()
                                .ordering(ordering)
                                .onExhausted(OnExhausted.STOP)
                                .maxRetries(5),
                        (event, context) -> {
                            if (calls.incrementAndGet() == 6) {
                                borrowed.set(0);
                            }
                            throw new IllegalStateException("on purpose");
                        });

        processes.store("a", 0);

        Await.until(() -> subscription.activity().get(0).state() == State.STOPPED);
        assertThat(calls.get()).isBetween(6, 7);
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1})
    void parkedKeyIsReportedOnceAlthoughTheAnswerIsLost(int maxRetries) {
        List<ParkedKey> reported = new CopyOnWriteArrayList<>();
        DurableProcess process = processes.start();
        DurableSubscription subscription = process.subscriptions()
                .durable(options().maxRetries(maxRetries).onParked(reported::add), (event, context) -> {
                    if (context.attempt() > maxRetries) {
                        process.loseAnswerOfACommit();
                    }
                    throw new IllegalStateException("on purpose");
                });

        processes.store("a", 0);

        Await.until(() -> !reported.isEmpty());
        Await.until(() -> subscription.activity().get(0).state() == State.RUNNING);
        assertThat(reported).singleElement().matches(key -> key.key().equals("a") && key.isParked());
        assertThat(subscription.activity().get(0).counts().parked()).isEqualTo(1);
    }
}
