package io.synckit;

import java.time.Instant;

/**
 * The result of an append for one event.
 *
 * @param id the id of the event
 * @param aggregateId the aggregate of the event
 * @param version position in the log
 * @param streamVersion position within the aggregate, from 1
 * @param createdAt time of the insert by the clock of the database, in microseconds
 * @param alreadyStored whether an earlier call has stored it (only with {@link OnDuplicate#RETURN_EXISTING})
 */
public record AppendResult(
        String id, String aggregateId, Version version, long streamVersion, Instant createdAt, boolean alreadyStored) {}
