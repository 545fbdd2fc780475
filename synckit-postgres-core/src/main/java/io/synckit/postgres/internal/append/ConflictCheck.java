package io.synckit.postgres.internal.append;

import io.synckit.AppendResult;
import io.synckit.DuplicateEventException;
import io.synckit.OnDuplicate;
import io.synckit.WrongExpectedVersionException;
import io.synckit.internal.Texts;
import io.synckit.postgres.internal.sql.AppendConflicts;
import io.synckit.postgres.internal.sql.AppendConflicts.Existing;
import io.synckit.postgres.internal.sql.EventRow;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.HashMap;
import java.util.Map;

/** Decides what an append that has stored nothing means for its caller: an error, a result, or another attempt. */
final class ConflictCheck {

    private final AppendConflicts table;

    ConflictCheck(AppendConflicts table) {
        this.table = table;
    }

    /**
     * Returns the rows that were stored before, by id, if the caller accepts them as a result. Other rows need another attempt.
     *
     * @throws DuplicateEventException if the caller does not accept them
     * @throws WrongExpectedVersionException if the aggregate is not as expected
     */
    Map<String, AppendResult> explain(Connection connection, AppendRequest request) throws SQLException {
        Map<String, Existing> existing = table.existing(connection, request.rows());
        for (EventRow row : request.rows()) {
            Existing found = existing.get(row.id());
            if (found != null) {
                requireRepeated(row, found, request.onDuplicate());
            }
        }
        if (request.isGuarded()) {
            requireExpected(connection, request, existing);
        }
        Map<String, AppendResult> results = new HashMap<>();
        existing.forEach((id, found) -> results.put(id, found.result()));
        return results;
    }

    private void requireExpected(Connection connection, AppendRequest request, Map<String, Existing> existing)
            throws SQLException {
        if (existing.isEmpty()) {
            String aggregateId = request.rows().get(0).aggregateId();
            long actual = table.streamVersion(connection, aggregateId);
            if (!request.expected().matches(actual)) {
                throw new WrongExpectedVersionException(aggregateId, request.expected(), actual);
            }
        } else if (existing.size() < request.rows().size()) {
            AppendResult some = existing.values().iterator().next().result();
            throw new DuplicateEventException(
                    some.id(), some.version(), "other events of this append are not, so it is not the same append");
        }
    }

    private static void requireRepeated(EventRow row, Existing found, OnDuplicate onDuplicate) {
        AppendResult first = found.result();
        if (onDuplicate == OnDuplicate.FAIL) {
            throw duplicate(first);
        }
        if (!first.aggregateId().equals(row.aggregateId()) || !found.type().equals(row.type())) {
            throw new DuplicateEventException(
                    row.id(),
                    first.version(),
                    "but by another event (aggregate '" + Texts.printable(first.aggregateId()) + "', type '"
                            + Texts.printable(found.type())
                            + "'); give this one an id of its own");
        }
    }

    /** Returns the error for a caller that does not accept the first result. */
    static DuplicateEventException duplicate(AppendResult first) {
        return new DuplicateEventException(
                first.id(), first.version(), "give a new event a new id, or ask for OnDuplicate.RETURN_EXISTING");
    }
}
