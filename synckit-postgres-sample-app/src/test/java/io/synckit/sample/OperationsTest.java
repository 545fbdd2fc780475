package io.synckit.sample;

import static org.assertj.core.api.Assertions.assertThat;

import io.synckit.postgres.RealtimeEventStore;
import io.synckit.postgres.testing.Await;
import io.synckit.postgres.testing.SecretsAppender;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.resttestclient.autoconfigure.AutoConfigureRestTestClient;
import org.springframework.boot.test.context.SpringBootTest;
import org.springframework.http.HttpStatus;
import org.springframework.http.MediaType;
import org.springframework.test.web.servlet.client.RestTestClient;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The Actuator endpoints over HTTP, and their access control. */
@SpringBootTest(webEnvironment = SpringBootTest.WebEnvironment.RANDOM_PORT)
@AutoConfigureRestTestClient
class OperationsTest {

    @Autowired
    private RestTestClient client;

    @Autowired
    private RealtimeEventStore events;

    private String get(String uri) {
        return client.get()
                .uri(uri)
                .headers(headers -> headers.setBasicAuth("operator", "operator"))
                .exchange()
                .expectStatus()
                .isOk()
                .expectBody(String.class)
                .returnResult()
                .getResponseBody();
    }

    private RestTestClient.ResponseSpec operate(String action) {
        return client.post()
                .uri("/actuator/synckit/listener")
                .headers(headers -> headers.setBasicAuth("operator", "operator"))
                .contentType(MediaType.APPLICATION_JSON)
                .body("{\"action\":\"" + action + "\"}")
                .exchange();
    }

    @Test
    void healthStatusIsPublicAndDetailsAreNot() {
        Await.until(events::isListenerConnected);
        String status = client.get()
                .uri("/actuator/health")
                .exchange()
                .expectStatus()
                .isOk()
                .expectBody(String.class)
                .returnResult()
                .getResponseBody();
        assertThat(status).contains("\"status\":\"UP\"").doesNotContain("synckit");
        assertThat(get("/actuator/health")).contains("\"synckit\":", "\"stableVersion\":", "\"problems\":{}");
    }

    @Test
    void metricsAreThoseOfThePage() {
        Await.until(events::isListenerConnected);
        order();

        Await.until(() -> get("/actuator/prometheus").contains("synckit_handlers_seconds_count"));

        assertThat(get("/actuator/prometheus"))
                .contains(
                        "synckit_operations_seconds_count{error=\"none\",operation=\"store\"}",
                        "synckit_delivery_delay_seconds_bucket{kind=\"live\",le=",
                        "synckit_listener_state{state=\"listening\"} 1.0",
                        "synckit_audit_lost_events_total 0.0",
                        "hikaricp_connections_active{pool=");
    }

    /** The page's answers have the fields that the sample's have. */
    @Test
    void pageShowsTheResponses() throws IOException {
        Await.until(events::isListenerConnected);
        order();
        Await.until(() -> events.listener().status().lastNotification() != null);
        Await.until(() -> get("/actuator/synckit").contains("\"latestEventAt\":"));
        List<String> blocks = Pattern.compile("(?s)```json\n(.*?)\n```")
                .matcher(Files.readString(Path.of("..", "docs", "operations.md")))
                .results()
                .map(match -> match.group(1))
                .toList();

        assertThat(blocks).hasSize(4);
        assertThat(fields(blocks.get(0))).isEqualTo(fields(get("/actuator/health/synckit")));
        assertThat(fields(blocks.get(2))).isEqualTo(fields(get("/actuator/synckit")));
    }

    @Test
    void pageShowsTheMetrics() throws IOException {
        Await.until(events::isListenerConnected);
        order();
        get("/actuator/synckit");
        Set<String> shown = metrics(Files.readString(Path.of("..", "docs", "operations.md")));

        Await.until(() -> metrics(get("/actuator/prometheus")).containsAll(shown));

        assertThat(metrics(get("/actuator/prometheus"))).isEqualTo(shown);
    }

    /** Returns the names with the names of their tags. */
    private static Set<String> metrics(String text) {
        return text.lines()
                .filter(line -> line.startsWith("synckit_") && !line.matches(".*(bucket|active|max).*"))
                .map(line -> line.replaceAll("=\"[^\"]*\"", "").replaceAll(" .*", ""))
                .collect(Collectors.toCollection(TreeSet::new));
    }

    private static Set<String> fields(String json) {
        Set<String> fields = new TreeSet<>();
        collect("", JsonMapper.shared().readTree(json), fields);
        return fields;
    }

    private static void collect(String path, JsonNode node, Set<String> fields) {
        node.propertyNames().forEach(name -> {
            fields.add(path + "/" + name);
            collect(path + "/" + name, node.get(name), fields);
        });
        if (node.isArray() && !node.isEmpty()) {
            collect(path + "/0", node.get(0), fields);
        }
    }

    /** Every metric that the dashboard and the alerts name is one that Prometheus gets. */
    @Test
    void dashboardAndAlertsNameExistingMetrics() throws IOException {
        order();
        Await.until(() -> get("/actuator/prometheus").contains("synckit_handlers_seconds_count"));
        Set<String> scraped = names("(?m)^([a-z_]+)[ {]", get("/actuator/prometheus"));
        for (String file : List.of("grafana-dashboard.json", "prometheus-alerts.yml")) {
            String text = Files.readString(Path.of("..", "ops", file));
            Set<String> named = names("\\b((?:synckit|hikaricp)_[a-z_]+)\\b", text);
            assertThat(named).isNotEmpty();
            assertThat(scraped).as(file).containsAll(named);
        }
    }

    private static Set<String> names(String pattern, String text) {
        return Pattern.compile(pattern)
                .matcher(text)
                .results()
                .map(match -> match.group(1))
                .collect(Collectors.toSet());
    }

    private void order() {
        client.post()
                .uri("/orders")
                .contentType(MediaType.APPLICATION_JSON)
                .body("{\"customer\":\"" + SecretsAppender.PAYLOAD + "\",\"item\":\"coffee\",\"quantity\":1}")
                .exchange()
                .expectStatus()
                .isCreated();
    }

    @Test
    void endpointsAreForOperatorsOnly() {
        for (String endpoint : new String[] {"prometheus", "metrics", "synckit"}) {
            client.get().uri("/actuator/" + endpoint).exchange().expectStatus().isUnauthorized();
        }
        client.post()
                .uri("/actuator/synckit/listener")
                .contentType(MediaType.APPLICATION_JSON)
                .body("{\"action\":\"stop\"}")
                .exchange()
                .expectStatus()
                .isUnauthorized();
    }

    @Test
    void listenerIsRestarted() {
        Await.until(events::isListenerConnected);
        Integer before = events.listener().status().backendPid();

        operate("restart").expectStatus().isOk();

        Await.until(events::isListenerConnected);
        assertThat(events.listener().status().backendPid()).isNotEqualTo(before);
        assertThat(get("/actuator/synckit"))
                .contains("\"state\":\"LISTENING\"", "\"subscriptions\":[{\"name\":\"kitchen\"");
    }

    @Test
    void unknownActionIsRejected() {
        operate("explode").expectStatus().isEqualTo(HttpStatus.BAD_REQUEST);
    }
}
