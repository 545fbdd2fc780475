package io.synckit.postgres.notification;

import io.synckit.Version;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What the auditor has found: it compares what the listener's reader has handed to the subscriptions with the table some time later.
 *
 * @param checkedUpTo the last version that it has compared; null if none yet
 * @param checked events that it found in the table
 * @param lost events that were in the table and were not handed on; anything but 0 is an error of the library, or of somebody who has
 *     written past its fence
 * @param firstLost the first of them, ten at most
 * @param unchecked events that it could not compare, since the database did not answer for too long
 */
public record AuditReport(
        @Nullable Version checkedUpTo, long checked, long lost, List<Version> firstLost, long unchecked) {

    public AuditReport {
        firstLost = List.copyOf(firstLost);
    }
}
