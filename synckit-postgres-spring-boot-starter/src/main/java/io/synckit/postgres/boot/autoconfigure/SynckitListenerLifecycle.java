package io.synckit.postgres.boot.autoconfigure;

import io.synckit.postgres.notification.ListenerStatus.State;
import io.synckit.postgres.notification.NotificationListener;
import org.springframework.context.SmartLifecycle;

/** Listens from before the web server takes requests until it has answered the last. */
final class SynckitListenerLifecycle implements SmartLifecycle {

    /** Below those of the web server: {@code WebServerApplicationContext.GRACEFUL_SHUTDOWN_PHASE} and the one that starts it. */
    static final int PHASE = SmartLifecycle.DEFAULT_PHASE - 4096;

    private final NotificationListener listener;

    SynckitListenerLifecycle(NotificationListener listener) {
        this.listener = listener;
    }

    @Override
    public void start() {
        listener.start();
    }

    @Override
    public void stop() {
        listener.stop();
    }

    @Override
    public boolean isRunning() {
        return listener.status().state() != State.STOPPED;
    }

    @Override
    public int getPhase() {
        return PHASE;
    }
}
