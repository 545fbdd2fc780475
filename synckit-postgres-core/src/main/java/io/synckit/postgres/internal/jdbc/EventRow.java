package io.synckit.postgres.internal.jdbc;

/** An event as it goes to the table: keys checked, data and metadata as storable JSON. */
public record EventRow(String id, String aggregateId, String type, String data, String metadata) {}
