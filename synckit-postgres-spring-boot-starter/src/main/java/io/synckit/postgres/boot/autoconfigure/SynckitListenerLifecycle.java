package io.synckit.postgres.boot.autoconfigure;

import io.synckit.InvalidConnectionException;
import io.synckit.postgres.notification.NotificationListener;
import io.synckit.subscription.ListenerStatus;
import io.synckit.subscription.ListenerStatus.State;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.springframework.context.SmartLifecycle;

/**
 * Starts the listener before the web server takes requests. Stops it after the web server has answered the last one and before beans are
 * destroyed, and waits for handlers that run.
 */
final class SynckitListenerLifecycle implements SmartLifecycle {

    /** Below those of the web server: {@code WebServerApplicationContext.GRACEFUL_SHUTDOWN_PHASE} and the one that starts it. */
    static final int PHASE = SmartLifecycle.DEFAULT_PHASE - 4096;

    private static final Duration LONGEST_START = Duration.ofSeconds(30);

    private final NotificationListener listener;
    private final boolean required;

    /** @param required whether the start fails if the listener's first connection does */
    SynckitListenerLifecycle(NotificationListener listener, boolean required) {
        this.listener = listener;
        this.required = required;
    }

    @Override
    public void start() {
        if (!required) {
            listener.start();
            return;
        }
        CompletableFuture<ListenerStatus> settled = new CompletableFuture<>();
        AutoCloseable watch = listener.watch(status -> {
            if (status.state() == State.LISTENING || status.failure() != null) {
                settled.complete(status);
            }
        });
        try (watch) {
            listener.start();
            RuntimeException failure =
                    settled.get(LONGEST_START.toMillis(), TimeUnit.MILLISECONDS).failure();
            if (failure != null) {
                throw named(failure);
            }
        } catch (RuntimeException e) {
            listener.stop();
            throw e;
        } catch (TimeoutException e) {
            listener.stop();
            throw new InvalidConnectionException("the listener has not connected within " + LONGEST_START.toSeconds()
                    + " s; check that the database can be reached");
        } catch (Exception e) {
            listener.stop();
            throw new InvalidConnectionException("the start was interrupted while the listener connected");
        }
    }

    /** A pooler has its own remedy. Every other failure concerns the connection of the listener, not that of the pool. */
    private static RuntimeException named(RuntimeException failure) {
        return failure instanceof InvalidConnectionException connection
                        && connection.reason() != InvalidConnectionException.Reason.TRANSACTION_POOLER
                ? new ListenerRequiredException(connection)
                : failure;
    }

    /** Spring waits for the callback as long as {@code spring.lifecycle.timeout-per-shutdown-phase} allows. */
    @Override
    public void stop(Runnable callback) {
        listener.stopGracefully().thenRun(callback);
    }

    @Override
    public void stop() {
        listener.stop();
    }

    @Override
    public boolean isRunning() {
        // Spring stops only what runs, and handlers may run after the listener was stopped by hand.
        return listener.status().state() != State.STOPPED || listener.isBusy();
    }

    @Override
    public int getPhase() {
        return PHASE;
    }
}
