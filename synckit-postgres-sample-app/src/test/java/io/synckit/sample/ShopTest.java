package io.synckit.sample;

import static org.assertj.core.api.Assertions.assertThat;

import io.synckit.EventStore;
import io.synckit.Filter;
import io.synckit.Version;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.resttestclient.autoconfigure.AutoConfigureRestTestClient;
import org.springframework.boot.test.context.SpringBootTest;
import org.springframework.core.ParameterizedTypeReference;
import org.springframework.http.HttpStatus;
import org.springframework.http.MediaType;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.test.web.servlet.client.RestTestClient;

/** The shop over HTTP, with the PostgreSQL that it starts itself. */
@SpringBootTest(webEnvironment = SpringBootTest.WebEnvironment.RANDOM_PORT)
@AutoConfigureRestTestClient
class ShopTest {

    private static final ParameterizedTypeReference<Map<String, Object>> OBJECT = new ParameterizedTypeReference<>() {};

    @Autowired
    private RestTestClient client;

    @Autowired
    private EventStore store;

    @Autowired
    private JdbcClient jdbc;

    private RestTestClient.ResponseSpec post(String json) {
        return client.post()
                .uri("/orders")
                .contentType(MediaType.APPLICATION_JSON)
                .body(json)
                .exchange();
    }

    private Map<String, Object> get(String uri) {
        return client.get()
                .uri(uri)
                .exchange()
                .expectStatus()
                .isOk()
                .expectBody(OBJECT)
                .returnResult()
                .getResponseBody();
    }

    private List<Integer> rowsAndEvents() {
        try (Stream<?> events = store.stream(Version.ZERO)) {
            int rows =
                    jdbc.sql("select count(*) from orders").query(Integer.class).single();
            return List.of(rows, (int) events.count());
        }
    }

    @Test
    void orderIsARowAndAnEvent() {
        String since = store.latestVersion().toString();
        var response = post("{\"customer\":\"alice\",\"item\":\"coffee\",\"quantity\":2}")
                .expectStatus()
                .isCreated()
                .expectBody(OBJECT)
                .returnResult();
        String orderId = (String) response.getResponseBody().get("orderId");
        assertThat(response.getResponseHeaders().getLocation()).hasToString("/orders/" + orderId);

        assertThat(get("/orders/" + orderId))
                .isEqualTo(Map.of("orderId", orderId, "customer", "alice", "item", "coffee", "quantity", 2));
        Map<String, Object> page = get("/events?limit=100&since=" + since);
        assertThat(page.get("next"))
                .isEqualTo(response.getResponseBody().get("version").toString());
        assertThat((List<?>) page.get("events")).singleElement().satisfies(event -> {
            Map<?, ?> fields = (Map<?, ?>) event;
            assertThat(fields.keySet())
                    .map(Object::toString)
                    .containsExactlyInAnyOrder(
                            "version", "id", "aggregateId", "streamVersion", "type", "data", "metadata", "createdAt");
            assertThat(fields.get("version"))
                    .isEqualTo(response.getResponseBody().get("version"));
            assertThat(fields.get("aggregateId")).isEqualTo(orderId);
            assertThat(fields.get("streamVersion")).isEqualTo(1);
            assertThat(fields.get("type")).isEqualTo("OrderPlaced");
            assertThat(fields.get("data")).isEqualTo(Map.of("customer", "alice", "item", "coffee", "quantity", 2));
            // The request's trace.
            assertThat(((Map<?, ?>) fields.get("metadata")).keySet())
                    .map(Object::toString)
                    .containsExactly("traceparent");
        });
    }

    @Test
    void failedOrderLeavesNeitherRowNorEvent() {
        List<Integer> before = rowsAndEvents();

        post("{\"customer\":\"alice\",\"item\":\"cake\",\"quantity\":4}")
                .expectStatus()
                .isEqualTo(HttpStatus.CONFLICT)
                .expectHeader()
                .contentType(MediaType.APPLICATION_PROBLEM_JSON)
                .expectBody(OBJECT)
                .value(problem -> assertThat(problem.get("detail")).asString().contains("'cake'"));

        assertThat(rowsAndEvents()).isEqualTo(before);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{\"customer\":\"\",\"item\":\"coffee\",\"quantity\":2}",
                "{\"customer\":\"alice\",\"item\":\"coffee\",\"quantity\":0}",
                "{\"customer\":\"alice\",\"item\":\"coffee\",\"quantity\":\"many\"}",
                "{\"customer\":\"alice\",\"quantity\":1}",
                "{\"customer\":\"a\\u0000b\",\"item\":\"coffee\",\"quantity\":1}",
                "{\"customer\":\"a\\ud800\",\"item\":\"coffee\",\"quantity\":1}",
                "{"
            })
    void badInputLeavesNeitherRowNorEvent(String order) {
        List<Integer> before = rowsAndEvents();

        post(order).expectStatus().isBadRequest().expectHeader().contentType(MediaType.APPLICATION_PROBLEM_JSON);

        assertThat(rowsAndEvents()).isEqualTo(before);
    }

    @Test
    void eventsAreFiltered() {
        post("{\"customer\":\"bob\",\"item\":\"tea\",\"quantity\":1}")
                .expectStatus()
                .isCreated();
        String aggregateId = store.load(Version.ZERO, 1, Filter.dataContains(Map.of("customer", "bob")))
                .events()
                .get(0)
                .aggregateId();

        assertThat((List<?>) get("/events?type=OrderPlaced&aggregateId=" + aggregateId)
                        .get("events"))
                .hasSize(1);
        assertThat((List<?>) get("/events?type=OrderPlaced&type=Other").get("events"))
                .isNotEmpty();
        assertThat((List<?>) get("/events?type=Other").get("events")).isEmpty();
        assertThat(get("/events?type=Other").get("next"))
                .isEqualTo(store.latestVersion().toString());
        assertThat((List<?>) get("/events?limit=1").get("events")).hasSize(1);
    }

    @ParameterizedTest
    @ValueSource(strings = {"since=-1", "since=abc", "since=9223372036854775808", "limit=0", "limit=1001", "limit=x"})
    void invalidQueryIsRejected(String query) {
        client.get()
                .uri("/events?" + query)
                .exchange()
                .expectStatus()
                .isBadRequest()
                .expectHeader()
                .contentType(MediaType.APPLICATION_PROBLEM_JSON)
                .expectBody(OBJECT)
                .value(problem -> {
                    if (query.startsWith("since")) {
                        assertThat(problem.get("detail")).asString().contains("'" + query.substring(6) + "'");
                    }
                });
    }

    @Test
    void missingOrderIsNotFound() {
        client.get().uri("/orders/none").exchange().expectStatus().isNotFound();
    }
}
