package io.synckit.postgres.internal.jdbc;

/**
 * How far the log is decided.
 *
 * @param stable everything at or below is committed and visible to a later statement, or gone for good
 * @param head the highest version given out
 * @param isolation of the transaction that asked, as PostgreSQL names it
 * @param standby whether the server is a hot standby, which sees no locks of the writers
 */
public record Horizon(long stable, long head, String isolation, boolean standby) {}
