package io.synckit.postgres.internal.listen;

import io.synckit.HistoryChangedException;

/**
 * A history change: the log is not the one that was read.
 *
 * @param safe the last version that is known to be unchanged; 0 if none is
 * @param firstReplaced the first version up to the former end that is known to belong to another event now, or is given out again;
 *     {@link Long#MAX_VALUE} if none is known. No standby and no restored database has a checkpoint from there on, unless the events alone were replaced
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
