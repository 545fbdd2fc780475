package io.synckit.postgres.internal.listen;

import io.synckit.HistoryChangedException;

/**
 * A history change: the log is not the one that was read.
 *
 * @param safe the last version that is known to be unchanged; 0 if none is
 * @param firstChanged the first version that no checkpoint of the new log can have reached before the change. On the same server it is
 *     {@code safe + 1}. On another server it is the version of the first changed event: a standby or a restored server gives out only versions
 *     above those that its checkpoints have reached
 * @param upTo the end of the new log
 * @param serverStart the server of the new log, see {@link io.synckit.postgres.internal.sql.ServerStart}
 * @param failure what subscriptions beyond {@code safe} receive
 */
public record HistoryChange(
        long safe, long firstChanged, long upTo, long serverStart, HistoryChangedException failure) {}
