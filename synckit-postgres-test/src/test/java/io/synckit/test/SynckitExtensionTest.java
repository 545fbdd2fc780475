package io.synckit.test;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.synckit.Event;
import io.synckit.EventStore;
import io.synckit.subscription.DurableOptions;
import io.synckit.subscription.DurableSubscription;
import io.synckit.subscription.EventSubscriptions;
import io.synckit.subscription.StartFrom;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(SynckitExtension.class)
class SynckitExtensionTest {

    private final EventStore store;
    private final EventStoreScenario scenario;

    SynckitExtensionTest(EventStore store, EventStoreScenario scenario) {
        this.store = store;
        this.scenario = scenario;
    }

    @Test
    void storedEventsAreFound() throws Exception {
        scenario.given(Event.of("a", "Opened", 1))
                .when(() -> store.store(Event.of("a", "Closed", 2)))
                .thenStored("Closed", 2)
                .thenStored("Closed", event -> assertThat(event.streamVersion()).isEqualTo(2));
        scenario.when(() -> {}).thenNothingStored();
    }

    @Test
    void wrongExpectationsAreReported() throws Exception {
        scenario.when(() -> store.store(Event.of("b", "Closed", 2)));

        assertThatThrownBy(() -> scenario.thenStored("Opened", 1))
                .isInstanceOf(AssertionError.class)
                .hasMessageContaining("expected one event of type 'Opened', but 0 were stored")
                .hasMessageContaining("[Closed of 'b']");
        assertThatThrownBy(() -> scenario.thenStored("Closed", 1)).hasMessageContaining("expected the payload 1");
        assertThatThrownBy(scenario::thenNothingStored).hasMessageContaining("[Closed of 'b']");
    }

    @Test
    void handledEventsAreAwaited(EventSubscriptions subscriptions) throws Exception {
        List<Object> handled = new CopyOnWriteArrayList<>();
        try (DurableSubscription subscription =
                subscriptions.durable(DurableOptions.named("handled"), (event, context) -> handled.add(event.data()))) {
            scenario.when(() -> store.store(Event.of("c", "T", 3))).awaitHandled(subscription.name());

            assertThat(handled).contains(3);
        }
    }

    @Test
    void parkedKeyIsReportedWithItsCause(EventSubscriptions subscriptions) {
        try (DurableSubscription subscription =
                subscriptions.durable(DurableOptions.named("failing").maxRetries(0), (event, context) -> {
                    throw new IllegalStateException("no stock");
                })) {
            assertThatThrownBy(() -> scenario.when(() -> store.store(Event.of("d", "T", 4)))
                            .awaitHandled(subscription.name()))
                    .isInstanceOf(AssertionError.class)
                    .hasMessageContaining("subscription 'failing' has a parked key: position")
                    .hasMessageContaining("lag 0")
                    .hasMessageContaining("parked key 'd' at version")
                    .hasMessageContaining("no stock");
        }
    }

    @Test
    void timeoutSaysWhereTheSubscriptionIs(EventSubscriptions subscriptions) throws Exception {
        try (DurableSubscription subscription = subscriptions.durable(
                DurableOptions.named("paused").startFrom(StartFrom.beginning()), (event, context) -> {})) {
            subscription.pause();
            store.store(Event.of("e", "T", 5));

            assertThatThrownBy(() -> scenario.awaitHandled("paused", Duration.ofMillis(200)))
                    .isInstanceOf(AssertionError.class)
                    .hasMessageContaining("subscription 'paused' has not handled all events after PT0.2S")
                    .hasMessageContaining("paused, partition 0 has no owner");
            subscription.resume();
            assertThatCode(() -> scenario.awaitHandled("paused")).doesNotThrowAnyException();
        }
    }

    @Test
    void unknownSubscriptionIsReportedWithTheKnownOnes() {
        assertThatThrownBy(() -> scenario.awaitHandled("unknown"))
                .isInstanceOf(AssertionError.class)
                .hasMessageContaining("there is no durable subscription 'unknown' in this process");
    }
}
