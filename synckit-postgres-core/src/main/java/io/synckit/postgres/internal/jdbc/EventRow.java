package io.synckit.postgres.internal.jdbc;

/**
 * An event as it goes to the table: keys checked, data and metadata as storable JSON.
 *
 * @param bytes how long data and metadata are together when they are read again, about, in UTF-8
 */
public record EventRow(String id, String aggregateId, String type, String data, String metadata, long bytes) {}
