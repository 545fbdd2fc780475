package io.synckit.postgres.boot;

import io.synckit.postgres.PostgresEventStore;
import io.synckit.postgres.notification.NotificationListener;
import org.jspecify.annotations.Nullable;

/**
 * The store and the listener behind the {@code EventStore} bean. The life cycle, health and metrics use this bean, so that the {@code
 * EventStore} bean itself can be decorated, replaced or mocked.
 *
 * @param listener null if {@code synckit.postgres.listener.enabled} is false
 */
public record EventStoreComponents(
        PostgresEventStore store, @Nullable NotificationListener listener) implements AutoCloseable {

    @Override
    public void close() {
        if (listener != null) {
            listener.close();
        }
        store.close();
    }
}
