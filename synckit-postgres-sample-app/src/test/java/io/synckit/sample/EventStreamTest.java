package io.synckit.sample;

import static org.assertj.core.api.Assertions.assertThat;

import io.synckit.Event;
import io.synckit.EventStore;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Scanner;
import org.junit.jupiter.api.Test;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.test.context.SpringBootTest;
import org.springframework.boot.test.web.server.LocalServerPort;

/** {@code GET /events/stream}, as a browser reads it. */
@SpringBootTest(webEnvironment = SpringBootTest.WebEnvironment.RANDOM_PORT)
class EventStreamTest {

    @Autowired
    private EventStore store;

    @LocalServerPort
    private int port;

    /** A stream of server-sent events that is read as far as one wants. */
    private static final class Stream implements AutoCloseable {

        private final InputStream body;
        private final Scanner lines;

        Stream(int port, String query, String... headers) throws IOException, InterruptedException {
            HttpRequest.Builder request =
                    HttpRequest.newBuilder(URI.create("http://localhost:" + port + "/events/stream" + query));
            if (headers.length > 0) {
                request.headers(headers);
            }
            HttpResponse<InputStream> response =
                    HttpClient.newHttpClient().send(request.build(), HttpResponse.BodyHandlers.ofInputStream());
            assertThat(response.statusCode()).isEqualTo(200);
            assertThat(response.headers().firstValue("Content-Type")).hasValue("text/event-stream");
            body = response.body();
            lines = new Scanner(body, StandardCharsets.UTF_8);
        }

        /** The lines of the next event. */
        List<String> next() {
            List<String> event = new ArrayList<>();
            String line = lines.nextLine();
            while (line.isEmpty() || line.startsWith(":") || line.startsWith("retry:")) {
                line = lines.nextLine();
            }
            while (!line.isEmpty()) {
                event.add(line);
                line = lines.nextLine();
            }
            return event;
        }

        @Override
        public void close() throws IOException {
            body.close();
        }
    }

    private String store(int n) {
        return store.store(Event.of("stream-test", "Counted", Map.of("n", n)))
                .version()
                .toString();
    }

    @Test
    void eventsComeWithVersionTypeAndJson() throws Exception {
        String before = store.latestVersion().toString();
        String first = store(1);
        try (Stream stream = new Stream(port, "?since=" + before)) {
            List<String> event = stream.next();
            assertThat(event).hasSize(3).startsWith("id:" + first, "event:Counted");
            assertThat(event.get(2))
                    .startsWith("data:{\"version\":" + first + ",\"id\":\"")
                    .contains("\"aggregateId\":\"stream-test\"", "\"data\":{\"n\": 1}");

            String second = store(2);
            assertThat(stream.next()).startsWith("id:" + second);
        }
    }

    @Test
    void lastEventIdResumesWithExactlyWhatWasMissed() throws Exception {
        String seen = store(1);
        String second = store(2);
        String third = store(3);
        try (Stream stream = new Stream(port, "?since=0", "Last-Event-ID", seen)) {
            assertThat(stream.next()).startsWith("id:" + second);
            assertThat(stream.next()).startsWith("id:" + third);
        }
    }

    @Test
    void typeWithALineBreakIsOneEvent() throws Exception {
        String before = store.latestVersion().toString();
        store.store(Event.of("stream-test", "Bad\ndata:x\n\nid:99", 1));
        String next = store(1);
        try (Stream stream = new Stream(port, "?since=" + before)) {
            assertThat(stream.next().get(1)).isEqualTo("event:Bad data:x  id:99");
            assertThat(stream.next()).startsWith("id:" + next);
        }
    }

    @Test
    void invalidVersionIsRejected() throws Exception {
        for (String since : List.of("-1", "x", "999999999")) {
            HttpResponse<String> response = HttpClient.newHttpClient()
                    .send(
                            HttpRequest.newBuilder(
                                            URI.create("http://localhost:" + port + "/events/stream?since=" + since))
                                    .build(),
                            HttpResponse.BodyHandlers.ofString());
            assertThat(response.statusCode()).as(response.body()).isEqualTo(400);
            assertThat(response.body()).contains(since);
        }
    }
}
