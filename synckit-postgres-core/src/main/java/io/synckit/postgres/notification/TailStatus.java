package io.synckit.postgres.notification;

import io.synckit.Version;
import java.time.Instant;

/**
 * How far the listener's reader is.
 *
 * @param position the last version that it has read and handed to the subscriptions
 * @param readAt when it had read all that could be read last; {@link Instant#EPOCH} if it has not yet
 */
public record TailStatus(Version position, Instant readAt) {}
