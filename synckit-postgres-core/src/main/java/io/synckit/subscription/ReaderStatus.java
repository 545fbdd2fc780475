package io.synckit.subscription;

import io.synckit.Version;
import java.time.Instant;

/**
 * How far the reader of this process has read.
 *
 * @param position the last version that was handed to the subscriptions
 * @param readAt the last time when everything up to the horizon was read; {@link Instant#EPOCH} if it was never
 */
public record ReaderStatus(Version position, Instant readAt) {}
