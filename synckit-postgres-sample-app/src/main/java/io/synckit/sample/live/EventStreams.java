package io.synckit.sample.live;

import io.synckit.subscription.LiveSubscription;
import java.io.IOException;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.springframework.context.SmartLifecycle;
import org.springframework.scheduling.annotation.Scheduled;
import org.springframework.stereotype.Component;
import org.springframework.web.servlet.mvc.method.annotation.SseEmitter;

/**
 * The connected browsers and their subscriptions. They are disconnected before the web server waits for its last requests, because their
 * requests never end.
 */
@Component
class EventStreams implements SmartLifecycle {

    private final Map<SseEmitter, LiveSubscription> open = new ConcurrentHashMap<>();
    private volatile boolean running;

    void add(SseEmitter browser, LiveSubscription subscription) {
        open.put(browser, subscription);
        browser.onCompletion(() -> remove(browser));
        browser.onError(failure -> remove(browser));
    }

    void remove(SseEmitter browser) {
        LiveSubscription subscription = open.remove(browser);
        if (subscription != null) {
            subscription.close();
        }
    }

    /** A disconnected browser is noticed when something is sent. */
    @Scheduled(fixedDelay = 15_000)
    void keepAlive() {
        for (SseEmitter browser : open.keySet()) {
            try {
                browser.send(SseEmitter.event().comment(""));
            } catch (IOException | IllegalStateException e) {
                remove(browser);
            }
        }
    }

    @Override
    public void start() {
        running = true;
    }

    @Override
    public void stop() {
        running = false;
        open.keySet().forEach(SseEmitter::complete);
    }

    @Override
    public boolean isRunning() {
        return running;
    }

    /** Stops first. */
    @Override
    public int getPhase() {
        return SmartLifecycle.DEFAULT_PHASE;
    }
}
