package io.synckit.postgres.internal.listen;

import io.synckit.postgres.internal.runtime.Clock;
import io.synckit.subscription.ListenerStatus;
import io.synckit.subscription.ListenerStatus.State;
import java.time.Duration;
import java.time.Instant;
import java.util.Locale;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.event.Level;

/** The state of a listener, logged and reported to its watchers. Changed by the listener's thread, read by all. */
public final class ListenerState {

    private static final Logger log = LoggerFactory.getLogger(ListenerState.class);

    private final String table;
    private final Consumer<ListenerStatus> watcher;
    private final Clock clock;
    private volatile ListenerStatus status;
    private volatile @Nullable Instant lastNotification;
    private volatile @Nullable Duration roundTrip;

    public ListenerState(ListenerSettings settings, Consumer<ListenerStatus> watcher, Clock clock) {
        State first = settings.polls() ? State.POLLING : State.CONNECTING;
        this.table = settings.table();
        this.watcher = watcher;
        this.clock = clock;
        this.status = new ListenerStatus(first, clock.now(), 0, null, null, null, null);
    }

    ListenerStatus status() {
        ListenerStatus last = status;
        return new ListenerStatus(
                last.state(),
                last.since(),
                last.attempts(),
                lastNotification,
                roundTrip,
                last.backendPid(),
                last.failure());
    }

    State state() {
        return status.state();
    }

    void notified() {
        lastNotification = clock.now();
    }

    void probed(Duration time) {
        roundTrip = time;
    }

    /** Enters a state, or updates it. A failure that lasts is logged once at level WARN. */
    void enter(State state, int attempts, @Nullable Integer backendPid, @Nullable RuntimeException failure) {
        boolean changed = status.state() != state || status.failure() == null;
        Instant since = status.state() == state ? status.since() : clock.now();
        status = new ListenerStatus(state, since, attempts, null, null, backendPid, failure);
        String name = state.name().toLowerCase(Locale.ROOT);
        if (failure == null) {
            log.info("listener.{}: {}", name, table);
        } else {
            log.atLevel(changed ? Level.WARN : Level.DEBUG)
                    .log("listener.{}: {} attempts={}: {}", name, table, attempts, failure.getMessage());
        }
        watcher.accept(status());
    }
}
