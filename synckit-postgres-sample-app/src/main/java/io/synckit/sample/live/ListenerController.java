package io.synckit.sample.live;

import io.synckit.postgres.RealtimeEventStore;
import io.synckit.postgres.notification.NotificationListener;
import io.synckit.subscription.ListenerStatus;
import java.time.Instant;
import org.jspecify.annotations.Nullable;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RestController;

/** Shows the state of the listener, and stops and starts it, to demonstrate catching up. Other applications do not need this. */
@RestController
class ListenerController {

    private final NotificationListener listener;

    ListenerController(RealtimeEventStore events) {
        this.listener = events.listener();
    }

    record ListenerView(
            ListenerStatus.State state,
            Instant since,
            int attempts,
            @Nullable Integer backendPid,
            int subscriptions) {}

    @GetMapping("/listener")
    ListenerView status() {
        ListenerStatus status = listener.status();
        return new ListenerView(
                status.state(),
                status.since(),
                status.attempts(),
                status.backendPid(),
                listener.subscriptions().active().size());
    }

    @PostMapping("/listener/stop")
    ListenerView stop() {
        listener.stop();
        return status();
    }

    @PostMapping("/listener/start")
    ListenerView start() {
        listener.start();
        return status();
    }
}
