package io.synckit.postgres.internal.durable;

import io.synckit.EventStoreException;
import io.synckit.StoredEvent;
import io.synckit.subscription.DurableOptions;
import org.jspecify.annotations.Nullable;

/**
 * The key of an event cannot be evaluated. Every partition waits at the event, because it may be its own. If the event waited with a key of its
 * own, partitions for which the key function works at another time would omit it, or handle it twice.
 */
final class UnknownKeyException extends EventStoreException {

    private static final long serialVersionUID = 1;

    UnknownKeyException(DurableOptions options, StoredEvent event, String problem, @Nullable Throwable cause) {
        super(
                "keyedBy of " + options + " " + problem + " for the event at version " + event.version()
                        + "; the subscription waits at it; correct keyedBy so that it returns a key for every event"
                        + (cause == null ? "" : ": " + cause),
                cause);
    }
}
