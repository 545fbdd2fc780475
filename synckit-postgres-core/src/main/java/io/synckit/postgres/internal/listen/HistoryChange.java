package io.synckit.postgres.internal.listen;

import io.synckit.HistoryChangedException;

/**
 * The log is another one than the one that was read.
 *
 * @param safe the last version that is known to be unchanged; 0 if none is
 * @param firstChanged the first version that is known to be changed. A checkpoint from there on is of the former log
 * @param upTo the end of the new log
 * @param serverStart the server of the new log, see {@link io.synckit.postgres.internal.sql.ServerStart}
 * @param failure what subscriptions beyond {@code safe} receive
 */
public record HistoryChange(
        long safe, long firstChanged, long upTo, long serverStart, HistoryChangedException failure) {}
