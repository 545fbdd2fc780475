package io.synckit.postgres.notification;

import io.synckit.HistoryChangedException;
import java.time.Instant;

/**
 * The reader has found another log than the one that it had read: after a restore, a fail-over that lost commits, or a TRUNCATE with
 * RESTART IDENTITY. Subscriptions that had read further than what is still there have ended.
 *
 * @param at when it was found
 * @param failure what those subscriptions have ended with
 */
public record HistoryChange(Instant at, HistoryChangedException failure) {}
