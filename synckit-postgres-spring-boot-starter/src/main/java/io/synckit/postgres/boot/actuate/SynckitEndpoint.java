package io.synckit.postgres.boot.actuate;

import io.synckit.postgres.notification.NotificationListener;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.actuate.endpoint.Access;
import org.springframework.boot.actuate.endpoint.InvalidEndpointRequestException;
import org.springframework.boot.actuate.endpoint.OperationResponseBody;
import org.springframework.boot.actuate.endpoint.annotation.Endpoint;
import org.springframework.boot.actuate.endpoint.annotation.ReadOperation;
import org.springframework.boot.actuate.endpoint.annotation.Selector;
import org.springframework.boot.actuate.endpoint.annotation.WriteOperation;

/** Shows the figures of the event store, and operates its listener. Writing needs {@code management.endpoint.synckit.access: unrestricted}. */
@Endpoint(id = "synckit", defaultAccess = Access.READ_ONLY)
final class SynckitEndpoint {

    private final StoreMonitor monitor;

    SynckitEndpoint(StoreMonitor monitor) {
        this.monitor = monitor;
    }

    /** Returns the store and, unless it is disabled, its listener. */
    @ReadOperation
    Overview overview() {
        NotificationListener listener = monitor.listener();
        return new Overview(
                StoreView.of(monitor),
                listener == null ? null : ListenerView.of(listener),
                listener == null ? null : LiveView.of(listener),
                listener == null ? null : DurableView.of(monitor, listener));
    }

    /** {@code POST /actuator/synckit/listener} with the action {@code start}, {@code stop} or {@code restart}. */
    @WriteOperation
    ListenerView operate(@Selector String part, String action) {
        NotificationListener listener = monitor.listener();
        if (!part.equals("listener") || listener == null) {
            throw new InvalidEndpointRequestException(
                    "there is no part '" + part + "' that can be operated",
                    "The only part that can be operated is 'listener'");
        }
        switch (action) {
            case "start" -> listener.start();
            case "stop" -> listener.stop();
            case "restart" -> {
                listener.stop();
                listener.start();
            }
            default ->
                throw new InvalidEndpointRequestException(
                        "unknown action '" + action + "'", "The action must be one of start, stop and restart");
        }
        return ListenerView.of(listener);
    }

    record Overview(
            StoreView store,
            @Nullable ListenerView listener,
            @Nullable LiveView live,
            @Nullable List<DurableView> durable)
            implements OperationResponseBody {}
}
