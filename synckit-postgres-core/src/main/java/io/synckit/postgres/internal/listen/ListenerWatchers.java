package io.synckit.postgres.internal.listen;

import io.synckit.postgres.internal.runtime.SafeLog;
import io.synckit.subscription.ListenerStatus;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The watchers of a listener's state. One that throws does not affect the listener. Thread-safe. */
public final class ListenerWatchers {

    private static final Logger log = LoggerFactory.getLogger(ListenerWatchers.class);

    private final List<Consumer<ListenerStatus>> watchers = new CopyOnWriteArrayList<>();

    /** Adds a watcher. It is removed when the returned handle is closed. */
    public AutoCloseable add(Consumer<ListenerStatus> watcher) {
        watchers.add(Objects.requireNonNull(watcher, "the watcher is null"));
        return () -> watchers.remove(watcher);
    }

    /** Calls the watchers. */
    public void changed(ListenerStatus status) {
        for (Consumer<ListenerStatus> watcher : watchers) {
            try {
                watcher.accept(status);
            } catch (Throwable e) {
                SafeLog.warn(log, "listener.watcher-failed: a watcher has thrown", e);
            }
        }
    }
}
