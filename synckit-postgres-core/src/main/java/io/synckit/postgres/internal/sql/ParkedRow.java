package io.synckit.postgres.internal.sql;

import io.synckit.Version;
import io.synckit.subscription.ParkedKey;
import java.time.Duration;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * A key of which an event has failed.
 *
 * @param failedVersion version of the event of this key that has failed last
 * @param attempts failed attempts at the event at {@code nextVersion}, with the deaths of processes after which it was parked
 * @param deaths attempts at it during which a process has died, since the last attempt whose outcome is known
 * @param running whether an attempt has begun, and its end is not stored
 * @param retryAt time of the next attempt; null if it is parked
 * @param retryIn time until the next attempt, by the clock of the database
 */
public record ParkedRow(
        String key,
        long nextVersion,
        long failedVersion,
        int attempts,
        int deaths,
        boolean running,
        @Nullable Instant retryAt,
        @Nullable String commandText,
        ParkedFailure failure,
        Instant firstFailedAt,
        Instant lastFailedAt,
        Duration retryIn) {

    /** Returns the command that an operator has set; null if there is none. */
    public @Nullable ParkedCommand command() {
        return commandText == null ? null : ParkedCommand.of(commandText);
    }

    /** Returns the key as applications see it. */
    public ParkedKey asParkedKey() {
        return new ParkedKey(
                key,
                Version.of(nextVersion),
                attempts,
                retryAt,
                failure.type(),
                failure.message(),
                firstFailedAt,
                lastFailedAt);
    }
}
