package io.synckit.postgres.internal.append;

import io.synckit.AppendResult;
import io.synckit.ExpectedStreamVersion;
import io.synckit.OnDuplicate;
import io.synckit.postgres.internal.sql.EventRow;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * What a caller wants to append.
 *
 * @param duplicatesLikely whether some events may be stored already, so that the server should not log an error for that
 */
record AppendRequest(
        List<EventRow> rows, ExpectedStreamVersion expected, OnDuplicate onDuplicate, boolean duplicatesLikely) {

    static AppendRequest of(List<EventRow> rows, ExpectedStreamVersion expected, OnDuplicate onDuplicate) {
        return new AppendRequest(rows, expected, onDuplicate, onDuplicate == OnDuplicate.RETURN_EXISTING);
    }

    /** Returns whether the append depends on the stream version. */
    boolean isGuarded() {
        return expected.kind() != ExpectedStreamVersion.Kind.ANY;
    }

    /** Returns the aggregate of the rows, if they have one. */
    String aggregateId() {
        return rows.get(0).aggregateId();
    }

    /** Returns one result for each row, in their order. */
    List<AppendResult> inOrder(Map<String, AppendResult> results) {
        return rows.stream()
                .map(row -> Objects.requireNonNull(results.get(row.id())))
                .toList();
    }
}
