package io.synckit.postgres.internal.listen;

/**
 * What a read of the log has brought.
 *
 * @param moreMayFollow whether events may follow without another notification
 * @param found events that were read
 */
record ReadResult(boolean moreMayFollow, long found) {}
