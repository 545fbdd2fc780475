package io.synckit.postgres.internal.append;

import io.synckit.AppendResult;
import io.synckit.internal.Texts;
import io.synckit.postgres.internal.sql.EventRow;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/**
 * The events of one call of {@code storeAsync} or {@code appendAsync}, which have one aggregate, and the future of their results.
 *
 * @param operation name of the call
 * @param committed runs after the commit, before the future is completed
 * @param answered whether the future has an outcome
 */
record AcceptedAppend(
        String operation,
        AppendRequest request,
        Runnable committed,
        CompletableFuture<List<AppendResult>> result,
        AtomicBoolean answered) {

    static AcceptedAppend of(String operation, AppendRequest request, Runnable committed) {
        return new AcceptedAppend(operation, request, committed, new CompletableFuture<>(), new AtomicBoolean());
    }

    List<EventRow> rows() {
        return request.rows();
    }

    String aggregateId() {
        return request.aggregateId();
    }

    int events() {
        return rows().size();
    }

    long bytes() {
        return rows().stream().mapToLong(EventRow::bytes).sum();
    }

    /** Marks it as answered: its future is completed, or will be by another thread. */
    void setAnswered() {
        answered.set(true);
    }

    /** Returns the results of this append, or null if its events are not among those that are stored. */
    @Nullable List<AppendResult> resultsIn(Map<String, AppendResult> stored) {
        List<AppendResult> results = new ArrayList<>(events());
        for (EventRow row : rows()) {
            AppendResult found = stored.get(row.id());
            if (found == null) {
                return null;
            }
            results.add(found);
        }
        return results;
    }

    /** Names the events in a message. */
    @Override
    public String toString() {
        String first = "event '" + Texts.printable(rows().get(0).id()) + "'";
        return events() == 1 ? first : first + " and " + (events() - 1) + " more";
    }
}
