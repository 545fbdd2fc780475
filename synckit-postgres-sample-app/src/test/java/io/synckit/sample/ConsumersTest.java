package io.synckit.sample;

import static org.assertj.core.api.Assertions.assertThat;

import io.synckit.Event;
import io.synckit.EventStore;
import io.synckit.Version;
import io.synckit.postgres.testing.Await;
import io.synckit.sample.orders.OrderPlaced;
import io.synckit.subscription.DurableSubscription;
import io.synckit.subscription.DurableSubscription.Outcome;
import io.synckit.subscription.EventSubscriptions;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.resttestclient.autoconfigure.AutoConfigureRestTestClient;
import org.springframework.boot.test.context.SpringBootTest;
import org.springframework.core.ParameterizedTypeReference;
import org.springframework.test.web.servlet.client.RestTestClient;

/** The durable subscriptions of the shop: a read model, and a sender whose mail server fails. */
@SpringBootTest(webEnvironment = SpringBootTest.WebEnvironment.RANDOM_PORT)
@AutoConfigureRestTestClient
class ConsumersTest {

    private static final Duration LONG = Duration.ofMinutes(4);

    private static final ParameterizedTypeReference<Map<String, Object>> OBJECT = new ParameterizedTypeReference<>() {};

    @Autowired
    private RestTestClient client;

    @Autowired
    private EventStore events;

    @Autowired
    private EventSubscriptions subscriptions;

    private DurableSubscription subscription(String name) {
        return subscriptions.durable().stream()
                .filter(subscription -> subscription.name().equals(name))
                .findFirst()
                .orElseThrow();
    }

    private Map<String, Object> post(String uri) {
        return client.post()
                .uri(uri)
                .exchange()
                .expectStatus()
                .isOk()
                .expectBody(OBJECT)
                .returnResult()
                .getResponseBody();
    }

    private String state() {
        return String.valueOf(client.get()
                .uri("/consumers")
                .exchange()
                .expectBody(OBJECT)
                .returnResult()
                .getResponseBody());
    }

    private Version order(String item) {
        return events.store(Event.of("order-of-" + item, new OrderPlaced("alice", item, 2)))
                .version();
    }

    @Test
    void readModelContainsTheOrder() throws InterruptedException {
        assertThat(subscription("sales").await(order("juice"), LONG)).isEqualTo(Outcome.HANDLED);

        assertThat(state()).contains("item=juice, sold=2", "name=sales");
    }

    @Test
    void confirmationWaitsUntilTheMailServerWorks() throws InterruptedException {
        assertThat(post("/mail-server/fail")).containsEntry("mailServerFails", true);
        Version stored = order("pie");
        DurableSubscription confirmations = subscription("confirmations");
        Await.until(() -> state().contains("orderId=order-of-pie"));
        assertThat(subscription("sales").await(stored, LONG)).isEqualTo(Outcome.HANDLED);

        assertThat(post("/mail-server/work")).containsEntry("mailServerFails", false);
        post("/consumers/confirmations/requeue");

        assertThat(confirmations.await(stored, LONG)).isEqualTo(Outcome.HANDLED);
        Await.until(() -> confirmations.parked(10).isEmpty());
    }
}
