package io.synckit.postgres.internal.durable;

import io.synckit.Event;
import io.synckit.EventStoreException;
import io.synckit.StoredEvent;
import io.synckit.internal.Texts;
import io.synckit.subscription.DurableOptions;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * {@code keyedBy} returns no valid key for an event. Every partition waits at the event, because it may be its own. If the event waited with a
 * key of its own, partitions for which {@code keyedBy} works at another time would omit it, or handle it twice.
 */
final class InvalidKeyException extends EventStoreException {

    private static final long serialVersionUID = 1;
    private static final int SHOWN = 50;

    private final Instant storedAt;

    private InvalidKeyException(DurableOptions options, StoredEvent event, String problem, @Nullable Throwable cause) {
        super(
                "keyedBy of " + options + " must return a key of at most " + Event.MAX_KEY_LENGTH
                        + " characters, without NUL and unpaired surrogates, for every event; for the event at version "
                        + event.version() + " it " + problem,
                cause);
        this.storedAt = event.createdAt();
    }

    /** Returns when the event was stored. */
    Instant storedAt() {
        return storedAt;
    }

    static InvalidKeyException threw(DurableOptions options, StoredEvent event, Throwable cause) {
        return new InvalidKeyException(options, event, "threw " + cause, cause);
    }

    static InvalidKeyException returnedNull(DurableOptions options, StoredEvent event) {
        return new InvalidKeyException(options, event, "returned null", null);
    }

    /** @param key a key that PostgreSQL cannot store */
    static InvalidKeyException returned(DurableOptions options, StoredEvent event, String key) {
        String start = Texts.printable(key.substring(0, Math.min(key.length(), SHOWN)));
        String rest = key.length() > SHOWN ? "…" : "";
        return new InvalidKeyException(
                options, event, "returned '" + start + rest + "' (" + key.length() + " characters)", null);
    }
}
