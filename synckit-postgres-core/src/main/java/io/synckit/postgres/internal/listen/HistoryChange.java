package io.synckit.postgres.internal.listen;

import io.synckit.HistoryChangedException;

/**
 * A history change: the log is not the one that was read.
 *
 * @param safe the last version that is known to be unchanged; 0 if none is
 * @param firstReplaced the lowest version, up to the former end, that belongs to another event now or will be given out again; {@link
 *     Long#MAX_VALUE} if none is known. A checkpoint at or after it, that no other process has moved since, is of the former log
 * @param upTo the end of the new log
 * @param formerServer the server of the former log, see {@link io.synckit.postgres.internal.sql.ServerStart}
 * @param serverStart the server of the new log
 * @param failure what subscriptions beyond {@code safe} receive
 */
public record HistoryChange(
        long safe,
        long firstReplaced,
        long upTo,
        long formerServer,
        long serverStart,
        HistoryChangedException failure) {}
