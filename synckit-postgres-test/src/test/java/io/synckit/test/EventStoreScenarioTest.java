package io.synckit.test;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.synckit.Event;
import io.synckit.postgres.RealtimeEventStore;
import io.synckit.postgres.StoreDiagnosis;
import io.synckit.subscription.DurableOptions;
import io.synckit.subscription.StartFrom;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** An open transaction that has stored an event holds back the events that are committed after it. */
@ExtendWith(SynckitExtension.class)
class EventStoreScenarioTest {

    private final RealtimeEventStore store;
    private final List<String> handled = new CopyOnWriteArrayList<>();
    private final CountDownLatch stored = new CountDownLatch(1);
    private final CountDownLatch goOn = new CountDownLatch(1);
    private CompletableFuture<Boolean> open = CompletableFuture.completedFuture(true);

    EventStoreScenarioTest(RealtimeEventStore store) {
        this.store = store;
    }

    @BeforeEach
    void open() throws InterruptedException {
        open = CompletableFuture.supplyAsync(() -> {
            try {
                return store.connections().inTransaction(() -> {
                    store.store(Event.of("held", "Held", 1));
                    stored.countDown();
                    return goOn.await(4, TimeUnit.MINUTES);
                });
            } catch (Exception e) {
                throw new IllegalStateException(e);
            }
        });
        assertThat(stored.await(4, TimeUnit.MINUTES)).isTrue();
    }

    @AfterEach
    void close() {
        goOn.countDown();
        assertThat(open.join()).isTrue();
    }

    @Test
    void stepsWaitForCommittedEventsBehindAnOpenTransaction() throws Exception {
        store.subscriptions()
                .durable(
                        DurableOptions.named("all").startFrom(StartFrom.after(store.latestVersion())),
                        (event, context) -> handled.add(event.type()));
        AtomicInteger asked = new AtomicInteger();
        // The transaction ends while thenStored waits.
        Supplier<StoreDiagnosis> diagnoses = () -> {
            StoreDiagnosis diagnosis = store.diagnose();
            if (asked.incrementAndGet() == 4) {
                goOn.countDown();
            }
            return diagnosis;
        };

        new EventStoreScenario(store, store.subscriptions(), () -> false, diagnoses)
                .given(Event.of("given", "Stored", 1))
                .when(() -> store.store(Event.of("when", "Stored", 2)))
                .thenStored("Stored", 2)
                .awaitHandled("all");

        assertThat(handled).containsExactly("Held", "Stored", "Stored");
    }

    @Test
    void timeoutNamesTheTransaction() {
        store.subscriptions().durable(DurableOptions.named("other"), (event, context) -> {});
        store.store(Event.of("when", "Stored", 2));
        EventStoreScenario scenario = new EventStoreScenario(store, store.subscriptions());

        assertThatThrownBy(() -> scenario.awaitHandled("other", Duration.ofMillis(100)))
                .isInstanceOf(AssertionError.class)
                .hasMessageContaining("readers still wait at version")
                .hasMessageContaining("pg_terminate_backend");
    }
}
