package io.synckit.sample.live;

import io.synckit.StoredEvent;
import io.synckit.postgres.RealtimeEventStore;
import io.synckit.postgres.notification.LiveOptions;
import io.synckit.postgres.notification.LiveSubscription;
import io.synckit.sample.events.EventView;
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
    private static final long FOR_EVER = 0;

    private final RealtimeEventStore events;
    private final EventStreams streams;

    EventStreamController(RealtimeEventStore events, EventStreams streams) {
        this.events = events;
        this.streams = streams;
    }

    /**
     * Server-sent events: {@code id} is the version, {@code event} the type, {@code data} the JSON of {@code /events}.
     *
     * @param lastEventId what a browser has seen last: it gets exactly what it missed
     * @param since the same for the first request; without either, events from now on
     */
    @GetMapping(path = "/events/stream", produces = MediaType.TEXT_EVENT_STREAM_VALUE)
    SseEmitter stream(
            @RequestHeader(name = "Last-Event-ID", required = false) @Nullable String lastEventId,
            @RequestParam(required = false) @Nullable String since)
            throws IOException {
        String from = lastEventId == null ? since : lastEventId;
        LiveOptions all = LiveOptions.all();
        SseEmitter browser = new SseEmitter(FOR_EVER);
        browser.send(SseEmitter.event().reconnectTime(RETRY_MILLIS));
        LiveSubscription subscription = events.subscribe(
                from == null ? all : all.from(events.parseVersion(from)), event -> send(browser, event));
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
            // The browser has gone.
            streams.remove(browser);
        }
    }
}
