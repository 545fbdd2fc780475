package io.synckit.postgres.internal.listen;

/**
 * The result of one read of the log.
 *
 * @param moreMayFollow whether events may follow without another notification
 * @param found number of events that were read
 */
record ReadResult(boolean moreMayFollow, long found) {}
