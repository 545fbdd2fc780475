package io.synckit.sample.live;

import io.synckit.StoredEvent;
import io.synckit.Version;
import io.synckit.sample.events.EventView;
import io.synckit.subscription.EventSubscriptions;
import io.synckit.subscription.LiveOptions;
import io.synckit.subscription.LiveSubscription;
import java.io.IOException;
import org.jspecify.annotations.Nullable;
import org.springframework.http.MediaType;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RequestHeader;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.servlet.mvc.method.annotation.SseEmitter;

@RestController
class EventStreamController {

    private static final long RETRY_MILLIS = 1000;
    private static final long NO_TIMEOUT = 0;

    private final EventSubscriptions subscriptions;
    private final EventStreams streams;

    EventStreamController(EventSubscriptions subscriptions, EventStreams streams) {
        this.subscriptions = subscriptions;
        this.streams = streams;
    }

    /**
     * Server-sent events: {@code id} is the version, {@code event} the type, {@code data} the JSON of {@code /events}.
     *
     * @param lastEventId the last event that the browser has received; the stream continues after it
     * @param since the same for the first request. Without both, the stream starts now
     */
    @GetMapping(path = "/events/stream", produces = MediaType.TEXT_EVENT_STREAM_VALUE)
    SseEmitter stream(
            @RequestHeader(name = "Last-Event-ID", required = false) @Nullable String lastEventId,
            @RequestParam(required = false) @Nullable String since)
            throws IOException {
        String from = lastEventId == null ? since : lastEventId;
        LiveOptions all = LiveOptions.named("browser");
        SseEmitter browser = new SseEmitter(NO_TIMEOUT);
        browser.send(SseEmitter.event().reconnectTime(RETRY_MILLIS));
        LiveSubscription subscription =
                subscriptions.live(from == null ? all : all.from(Version.parse(from)), event -> send(browser, event));
        streams.add(browser, subscription);
        return browser;
    }

    private void send(SseEmitter browser, StoredEvent event) {
        try {
            browser.send(SseEmitter.event()
                    .id(event.version().toString())
                    .name(event.type().replaceAll("[\r\n]", " "))
                    .data(EventView.of(event), MediaType.APPLICATION_JSON));
        } catch (IOException | IllegalStateException e) {
            // The browser is disconnected.
            streams.remove(browser);
        }
    }
}
