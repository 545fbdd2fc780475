package io.synckit.subscription;

import io.synckit.Version;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * A key whose event has failed. The event and all later ones of the key wait: for the next attempt, or parked, for an operator.
 *
 * @param key the key, by default the aggregate id
 * @param next the first event that waits
 * @param attempts failed attempts at that event. If it was parked because processes have died during it, these deaths are counted too
 * @param retryAt time of the next attempt; null if the key is parked, so that it waits for {@link DurableSubscription#requeue}, {@link
 *     DurableSubscription#skip} or {@link DurableSubscription#discard}
 * @param failureType class of the last exception
 * @param failure message of the last exception
 */
public record ParkedKey(
        String key,
        Version next,
        int attempts,
        @Nullable Instant retryAt,
        String failureType,
        String failure,
        Instant firstFailedAt,
        Instant lastFailedAt) {

    /** Returns whether the key waits for an operator, because all attempts have failed or processes have died. Otherwise the event is tried again. */
    public boolean isParked() {
        return retryAt == null;
    }
}
