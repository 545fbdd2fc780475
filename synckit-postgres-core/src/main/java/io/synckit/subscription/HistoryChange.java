package io.synckit.subscription;

import io.synckit.HistoryChangedException;
import java.time.Instant;

/**
 * A change of the history: after a restore, a fail-over that lost commits, or a TRUNCATE with RESTART IDENTITY, the log is not the one that
 * was read before. Subscriptions beyond the unchanged part have ended.
 *
 * @param at time of the detection
 * @param failure the error with which those subscriptions have ended
 */
public record HistoryChange(Instant at, HistoryChangedException failure) {}
