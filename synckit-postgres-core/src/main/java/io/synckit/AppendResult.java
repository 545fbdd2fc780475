package io.synckit;

import java.time.Instant;

/**
 * Where an event went.
 *
 * @param id the event's id
 * @param aggregateId the event's aggregate
 * @param version position in the whole store
 * @param streamVersion position within the aggregate, from 1
 * @param createdAt when the database took the row, in microseconds
 * @param alreadyStored whether an earlier call stored it (only with {@link OnDuplicate#RETURN_EXISTING})
 */
public record AppendResult(
        String id, String aggregateId, Version version, long streamVersion, Instant createdAt, boolean alreadyStored) {}
