package io.synckit.subscription;

import io.synckit.Version;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The result of the audit, which compares the published events with the table some time later.
 *
 * @param checkedUpTo the last version that was compared; null if none yet
 * @param checked events that were found in the table
 * @param lost events in the table that were not published. Any other value than 0 is an error of this library, or a program has stored
 *     events without the triggers of the table
 * @param firstLost the first lost events, at most ten
 * @param unchecked published events that could not be compared, because the history has changed, or the database did not answer for too
 *     long
 */
public record AuditReport(
        @Nullable Version checkedUpTo, long checked, long lost, List<Version> firstLost, long unchecked) {

    public AuditReport {
        firstLost = List.copyOf(firstLost);
    }
}
