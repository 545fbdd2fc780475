package io.synckit.postgres.boot.autoconfigure;

import io.synckit.InvalidConfigException;
import io.synckit.subscription.DurableSubscription;
import io.synckit.subscription.EventSubscriptions;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.beans.factory.SmartInitializingSingleton;
import org.springframework.context.SmartLifecycle;

/**
 * Starts the subscriptions of methods with {@code @SynckitListener} when all beans are there, after the listener. Stops them before it, and
 * before beans are destroyed. The web server answers its last requests before, so a request can wait for a read model.
 */
final class SynckitListenerContainer implements SmartLifecycle, SmartInitializingSingleton {

    private static final Logger log = LoggerFactory.getLogger(SynckitListenerContainer.class);

    private final SynckitListenerMethods methods;
    private final ObjectProvider<EventSubscriptions> subscriptions;
    private final List<DurableSubscription> running = new ArrayList<>();
    private @Nullable List<SynckitListenerMethods.Listener> listeners;
    private volatile boolean started;
    private volatile boolean accepting;

    SynckitListenerContainer(SynckitListenerMethods methods, ObjectProvider<EventSubscriptions> subscriptions) {
        this.methods = methods;
        this.subscriptions = subscriptions;
    }

    @Override
    public void afterSingletonsInstantiated() {
        listeners = methods.find();
        Optional<SynckitListenerMethods.Listener> first = toStart().findFirst();
        if (first.isPresent() && subscriptions.getIfAvailable() == null) {
            throw new InvalidConfigException(
                    "listener.enabled",
                    "is false, or there is no RealtimeEventStore, but "
                            + first.get().method()
                            + " has @SynckitListener, which needs the listener; set it to true, or remove the annotation");
        }
    }

    private Stream<SynckitListenerMethods.Listener> toStart() {
        List<SynckitListenerMethods.Listener> found = listeners;
        return found == null ? Stream.empty() : found.stream().filter(SynckitListenerMethods.Listener::autoStartup);
    }

    @Override
    public synchronized void start() {
        if (!started) {
            try {
                toStart().forEach(listener -> {
                    // A mock returns null.
                    DurableSubscription begun = listener.start(subscriptions.getObject());
                    if (begun != null) {
                        running.add(begun);
                    }
                });
            } catch (RuntimeException e) {
                stop();
                throw e;
            }
        }
        started = true;
        accepting = true;
    }

    /** Spring waits for the callback as long as the time-out of the phase allows. */
    @Override
    public void stop(Runnable callback) {
        accepting = false;
        Thread thread = new Thread(
                () -> {
                    try {
                        stop();
                    } catch (RuntimeException e) {
                        log.warn("listeners.stop-failed: a durable subscription has not stopped normally", e);
                    } finally {
                        callback.run();
                    }
                },
                "synckit-listeners-stop");
        thread.setDaemon(true);
        thread.start();
    }

    /** A subscription that is closed lets its handler call end, and gives its partitions to other instances. */
    @Override
    public synchronized void stop() {
        accepting = false;
        try {
            // All at the same time: each waits for its handler, and meanwhile the others would be called for further
            // events.
            CompletableFuture.allOf(running.stream()
                            .map(subscription -> CompletableFuture.runAsync(
                                    subscription::close, close -> new Thread(close, "synckit-listeners-stop").start()))
                            .toArray(CompletableFuture[]::new))
                    .join();
        } finally {
            running.clear();
            started = false;
        }
    }

    /** Returns whether handlers are called for new events. */
    boolean isAccepting() {
        return accepting;
    }

    @Override
    public boolean isRunning() {
        return started;
    }

    @Override
    public int getPhase() {
        return SynckitListenerLifecycle.PHASE + 1;
    }
}
