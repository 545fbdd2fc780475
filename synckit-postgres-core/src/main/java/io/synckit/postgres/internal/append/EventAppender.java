package io.synckit.postgres.internal.append;

import io.synckit.AppendResult;
import io.synckit.ConnectionSource;
import io.synckit.ExpectedStreamVersion;
import io.synckit.OnDuplicate;
import io.synckit.TransactionConflictException;
import io.synckit.UnusableTransactionException;
import io.synckit.postgres.internal.sql.AppendConflicts;
import io.synckit.postgres.internal.sql.EventBatchInsert;
import io.synckit.postgres.internal.sql.EventInsert;
import io.synckit.postgres.internal.sql.EventRow;
import io.synckit.postgres.internal.sql.Session;
import io.synckit.postgres.internal.sql.SqlFailure;
import io.synckit.postgres.internal.sql.TableName;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Appends events. The first attempt is one statement, which nearly always succeeds. If it stores less than requested, the cause is an id that
 * is stored already, a stream version that is not as expected, or another writer. A stored id or a wrong stream version is the outcome of the
 * call. After a conflict with another writer, the next attempt waits in the queue of the aggregate before its statement, so that the
 * statement sees the events of that writer. Thread-safe.
 */
public final class EventAppender {

    private static final int MAX_ATTEMPTS = 20;
    private static final int MAX_CONFLICTS = 5;

    private final ConnectionSource connections;
    private final EventInsert insert;
    private final EventBatchInsert batchInsert;
    private final AppendConflicts conflicts;
    private final ConflictCheck check;

    /** @param preparedStatements whether the driver may keep server-side prepared statements */
    public EventAppender(ConnectionSource connections, TableName table, boolean preparedStatements) {
        this.connections = connections;
        this.insert = new EventInsert(table, preparedStatements);
        this.batchInsert = new EventBatchInsert(table, preparedStatements);
        this.conflicts = new AppendConflicts(table, preparedStatements);
        this.check = new ConflictCheck(conflicts);
    }

    /** Stores the rows, all or none. Returns one result for each row, in their order. */
    public List<AppendResult> append(List<EventRow> rows, ExpectedStreamVersion expected, OnDuplicate onDuplicate) {
        try (Session session = Session.open(connections)) {
            return append(session, AppendRequest.of(rows, expected, onDuplicate));
        } catch (SQLException e) {
            throw SqlFailure.named("append to " + conflicts, e);
        }
    }

    /**
     * Stores the rows of a request, all or none, in a transaction of its own.
     *
     * @throws UnusableTransactionException if the connection is in a transaction of a caller
     */
    List<AppendResult> appendAlone(AppendRequest request) {
        try (Session session = Session.openAlone(connections)) {
            return append(session, request);
        } catch (SQLException e) {
            throw SqlFailure.named("append to " + conflicts, e);
        }
    }

    private List<AppendResult> append(Session session, AppendRequest request) throws SQLException {
        Map<String, AppendResult> results = new HashMap<>();
        List<EventRow> open = request.rows();
        int failures = 0;
        SQLException taken = null;
        for (int attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
            try {
                List<AppendResult> stored = attempt(session, request, open, attempt > 0);
                if (stored != null) {
                    stored.forEach(result -> results.put(result.id(), result));
                    return request.inOrder(results);
                }
            } catch (SQLException e) {
                // Outside a transaction of the caller everything is rolled back, and another attempt is safe.
                boolean mayRetry = conflicts.isTaken(e) || SqlFailure.isConflict(e) && ++failures < MAX_CONFLICTS;
                if (session.joined() || !mayRetry) {
                    throw e;
                }
                taken = conflicts.isTaken(e) ? e : null;
            }
            Map<String, AppendResult> existing = check.explain(session.connection(), request);
            results.putAll(existing);
            open = open.stream().filter(row -> !existing.containsKey(row.id())).toList();
            if (open.isEmpty()) {
                return request.inOrder(results);
            }
            if (taken != null && existing.isEmpty() && !conflicts.isOwnKey(session.connection(), taken)) {
                throw taken; // a unique index of the application
            }
        }
        throw new TransactionConflictException("append to " + conflicts + " gave way to other writers " + MAX_ATTEMPTS
                + " times; retry the whole transaction (if this always happens, an index or trigger of the application"
                + " rejects the row)");
    }

    /** Returns all results, or null if nothing is stored because of a conflict. */
    private @Nullable List<AppendResult> attempt(
            Session session, AppendRequest request, List<EventRow> rows, boolean queueFirst) throws SQLException {
        boolean endsTransaction = !session.joined() && (queueFirst || !request.duplicatesLikely());
        if (rows.size() == 1 && !queueFirst) {
            return insert(session.connection(), request.expected(), rows, endsTransaction);
        }
        return session.atomically(connection -> {
            if (queueFirst) {
                session.readCommitted();
                conflicts.queue(connection, rows);
            }
            return insert(connection, request.expected(), rows, endsTransaction);
        });
    }

    private @Nullable List<AppendResult> insert(
            Connection connection, ExpectedStreamVersion expected, List<EventRow> rows, boolean endsTransaction)
            throws SQLException {
        if (rows.size() == 1) {
            return insert.insert(connection, rows.get(0), expected, endsTransaction)
                    .map(List::of)
                    .orElse(null);
        }
        List<AppendResult> stored = batchInsert.insert(connection, rows, expected, endsTransaction);
        return stored.size() == rows.size() ? stored : null;
    }
}
