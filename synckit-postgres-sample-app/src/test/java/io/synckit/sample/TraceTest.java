package io.synckit.sample;

import static org.assertj.core.api.Assertions.assertThat;

import io.synckit.StoredEvent;
import io.synckit.Version;
import io.synckit.postgres.RealtimeEventStore;
import io.synckit.postgres.testing.Await;
import io.zonky.test.db.postgres.embedded.EmbeddedPostgres;
import java.io.File;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.test.context.SpringBootTest;
import org.springframework.boot.test.web.server.LocalServerPort;
import tools.jackson.databind.json.JsonMapper;

/** One trace, from a request to this process to a handler in another, through nothing but the log. */
@SpringBootTest(webEnvironment = SpringBootTest.WebEnvironment.RANDOM_PORT)
class TraceTest {

    private static final String TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";

    @LocalServerPort
    private int port;

    @Autowired
    private RealtimeEventStore events;

    @Autowired
    private EmbeddedPostgres postgres;

    /** As the sample runs outside tests: none of their settings. */
    private static String classpath() {
        return Arrays.stream(System.getProperty("java.class.path").split(File.pathSeparator))
                .filter(entry -> !entry.contains("test-classes") && !entry.endsWith("-tests.jar"))
                .collect(Collectors.joining(File.pathSeparator));
    }

    private Process secondShop() throws IOException {
        return new ProcessBuilder(
                        System.getProperty("java.home") + "/bin/java",
                        "-cp",
                        classpath(),
                        ShopApplication.class.getName(),
                        "--server.port=0",
                        "--spring.datasource.url=" + postgres.getJdbcUrl("postgres", "postgres"))
                .redirectErrorStream(true)
                .start();
    }

    /** Reads the output of the process, so that it never blocks, and keeps it. */
    private static List<String> said(Process process) {
        List<String> lines = new CopyOnWriteArrayList<>();
        Thread reader = new Thread(() -> process.inputReader().lines().forEach(lines::add), "second-shop-output");
        reader.setDaemon(true);
        reader.start();
        return lines;
    }

    private static String line(List<String> lines, String text) {
        Await.until(() -> lines.stream().anyMatch(line -> line.contains(text)));
        return lines.stream().filter(line -> line.contains(text)).findFirst().orElseThrow();
    }

    @Test
    void traceOfAnOrderContinuesInAnotherProcess() throws Exception {
        Process second = secondShop();
        try {
            List<String> output = said(second);
            line(output, "listener.listening");
            line(output, "Started ShopApplication");

            HttpRequest order = HttpRequest.newBuilder(URI.create("http://localhost:" + port + "/orders"))
                    .header("Content-Type", "application/json")
                    .header("traceparent", "00-" + TRACE + "-00f067aa0ba902b7-01")
                    .POST(HttpRequest.BodyPublishers.ofString(
                            "{\"customer\":\"alice\",\"item\":\"coffee\",\"quantity\":1}"))
                    .build();
            HttpResponse<String> answer = HttpClient.newHttpClient().send(order, HttpResponse.BodyHandlers.ofString());
            assertThat(answer.statusCode()).isEqualTo(201);

            String orderId =
                    JsonMapper.shared().readTree(answer.body()).get("orderId").asString();
            StoredEvent event =
                    events.loadByAggregate(orderId, Version.ZERO).iterator().next();
            Map<String, ?> metadata = event.metadata();
            assertThat(metadata.get("traceparent").toString()).startsWith("00-" + TRACE + "-");
            assertThat(line(output, "order=" + orderId)).contains("order.received", TRACE);
        } finally {
            second.destroy();
            assertThat(second.waitFor(60, TimeUnit.SECONDS)).isTrue();
        }
    }
}
