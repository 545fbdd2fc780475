package io.synckit.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import io.synckit.Event;
import io.synckit.StoredEvent;
import io.synckit.Version;
import io.synckit.postgres.testing.Await;
import io.synckit.postgres.testing.Collector;
import io.synckit.postgres.testing.DurableProcess;
import io.synckit.postgres.testing.DurableProcesses;
import io.synckit.postgres.testing.TestDatabase;
import io.synckit.postgres.testing.TestPostgres;
import io.synckit.subscription.DurableOptions;
import io.synckit.subscription.DurableSubscription;
import io.synckit.subscription.StartFrom;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** At rest, a process sends only the probe of its connection that listens. A new event still finds an owner. */
class DurableRestTest {

    @RegisterExtension
    private final TestDatabase database = TestPostgres.shared().migratedDatabase();

    private final DurableProcesses processes = new DurableProcesses(database);

    private final Collector<StoredEvent> handled = new Collector<>();
    private PostgresEventStore store;

    @BeforeEach
    void open() {
        store = processes.store();
    }

    private static DurableOptions options(String name) {
        return DurableOptions.named(name)
                .startFrom(StartFrom.beginning())
                .maxRetries(1)
                .backoff(Duration.ofSeconds(4), 1, Duration.ofSeconds(4));
    }

    private DurableProcess withSubscriptions(int number) {
        DurableProcess process = processes.start();
        for (int i = 0; i < number; i++) {
            process.subscriptions().durable(options("s-" + i), (event, context) -> handled.add(event));
        }
        return process;
    }

    private DurableSubscription failing(DurableProcess process, AtomicInteger calls) {
        return process.subscriptions().durable(options("s-0"), (event, context) -> {
            calls.incrementAndGet();
            throw new IllegalStateException("it fails on purpose");
        });
    }

    /** Returns a process that has handled an event and rests. */
    private DurableProcess restingAfterAnEvent(int subscriptions) throws InterruptedException {
        DurableProcess process = withSubscriptions(subscriptions);
        store.store(Event.of("a-1", "T", 1));
        handled.next(subscriptions);
        untilAtRest(process);
        return process;
    }

    private void assertFirstEventIsHandledNext() throws InterruptedException {
        assertThat(handled.next().aggregateId()).isEqualTo("a-1");
    }

    /** Waits until the listener has sent probes for three seconds and the pool nothing. A check each second would send its query. */
    private void untilAtRest(DurableProcess process) {
        Await.until(
                database,
                "select max(query_start) filter (where application_name = '" + process.name() + "-listener')"
                        + " > max(query_start) filter (where application_name = '" + process.name()
                        + "') + interval '3 seconds' from pg_stat_activity",
                "t");
    }

    @Test
    void onlyTheProbeIsSentAtRest() throws InterruptedException {
        assertThat(restingAfterAnEvent(5).subscriptions().durable()).hasSize(5);
    }

    @Test
    void eventIsHandledAlthoughItsOwnerHasDiedAtRest() throws InterruptedException {
        DurableProcess first = withSubscriptions(1);
        Await.until(database, "select count(owner) from synckit.events_checkpoints", "1");
        DurableProcess second = withSubscriptions(1);
        untilAtRest(first);
        untilAtRest(second);

        first.die();
        store.store(Event.of("a-1", "T", 1));

        assertFirstEventIsHandledNext();
    }

    /** Neither an event nor a signal shows that the retry has lost its owner. */
    @Test
    void retryIsMadeAlthoughItsOwnerHasDied() throws InterruptedException {
        DurableProcess first = processes.start();
        failing(first, new AtomicInteger());
        store.store(Event.of("a-1", "T", 1));
        Await.until(
                database,
                "select count(*) from synckit.events_parked join synckit.events_checkpoints on position >= next_version",
                "1");
        withSubscriptions(1);
        Await.until(database, "select count(*) from synckit.events_instances", "2");

        first.die();

        assertFirstEventIsHandledNext();
    }

    /** A key that is requeued waits for its retry, so no process may rest any more. */
    @Test
    void retryOfARequeuedKeyIsMadeAlthoughItsOwnerHasDied() throws InterruptedException {
        AtomicInteger calls = new AtomicInteger();
        DurableProcess first = processes.start();
        DurableSubscription subscription = failing(first, calls);
        Await.until(database, "select count(owner) from synckit.events_checkpoints", "1");
        DurableProcess second = withSubscriptions(1);
        store.store(Event.of("a-1", "T", 1));
        Await.until(database, "select count(*) from synckit.events_parked where retry_at is null", "1");
        untilAtRest(first);
        untilAtRest(second);
        int before = calls.get();

        subscription.requeue("a-1");
        Await.until(() -> calls.get() > before);
        Await.until(
                database,
                "select count(*) from synckit.events_parked where retry_at > clock_timestamp() and command is null",
                "1");
        first.die();

        assertFirstEventIsHandledNext();
    }

    @Test
    void processThatJoinsAtRestGetsItsShare() {
        DurableOptions shared = options("shared").partitions(4);
        DurableProcess first = processes.start();
        first.subscriptions().durable(shared, (event, context) -> {});
        Await.until(database, "select count(owner) from synckit.events_checkpoints", "4");
        untilAtRest(first);

        processes.start().subscriptions().durable(shared, (event, context) -> {});

        Await.until(database, "select count(distinct owner) from synckit.events_checkpoints", "2");
    }

    /** The check after the replay, but before the commit of its transaction, still sees the old state. */
    @Test
    void replayInATransactionOfTheCallerIsHandled() throws Exception {
        DurableProcess process = restingAfterAnEvent(1);

        process.connections().inTransaction(() -> {
            process.subscriptions().durable("s-0").orElseThrow().replay(Version.ZERO, () -> {});
            untilAtRest(process);
            return true;
        });

        assertFirstEventIsHandledNext();
    }

    /** The signal is committed together with the change. */
    @Test
    void moveTakesEffectAlthoughTheOperatorDiesAfterIt() throws InterruptedException {
        DurableProcess owner = restingAfterAnEvent(1);
        DurableProcess operator = withSubscriptions(1);
        untilAtRest(owner);
        untilAtRest(operator);
        Version position =
                operator.subscriptions().durable("s-0").orElseThrow().status().position();
        AtomicInteger borrowed = new AtomicInteger();
        Thread caller = Thread.currentThread();
        operator.beforeBorrow(() -> {
            if (Thread.currentThread() == caller && borrowed.incrementAndGet() == 2) {
                operator.die();
            }
        });

        operator.subscriptions().durable("s-0").orElseThrow().moveTo(position, Version.ZERO);
        operator.die();

        assertFirstEventIsHandledNext();
    }
}
