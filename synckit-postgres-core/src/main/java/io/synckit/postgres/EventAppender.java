package io.synckit.postgres;

import io.synckit.AppendOptions;
import io.synckit.AppendResult;
import io.synckit.ConnectionSource;
import io.synckit.DuplicateEventException;
import io.synckit.EventLimits;
import io.synckit.ExpectedStreamVersion;
import io.synckit.OnDuplicate;
import io.synckit.TransactionConflictException;
import io.synckit.UnusableTransactionException;
import io.synckit.WrongExpectedVersionException;
import io.synckit.postgres.internal.jdbc.EventInserts;
import io.synckit.postgres.internal.jdbc.EventInserts.Existing;
import io.synckit.postgres.internal.jdbc.EventRow;
import io.synckit.postgres.internal.jdbc.Session;
import io.synckit.postgres.internal.jdbc.SqlFailure;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Writes. First the one statement that nearly always succeeds. If it stored less than asked, something was in its way: an id, an
 * expectation, or a writer that was faster. The first two are the caller's answer; for the third it tries again, now waiting in the
 * aggregate's queue before the statement that stores, so that the statement sees what it waited for.
 */
final class EventAppender {

    private static final int ATTEMPTS = 20;
    private static final int CONFLICTS = 5;

    private final ConnectionSource connections;
    private final EventInserts table;

    EventAppender(ConnectionSource connections, EventInserts table) {
        this.connections = connections;
        this.table = table;
    }

    /** Stores the rows, all or none, and returns one result for each row, in their order. */
    List<AppendResult> append(List<EventRow> rows, ExpectedStreamVersion expected, AppendOptions options) {
        boolean duplicatesExpected = options.onDuplicate() == OnDuplicate.RETURN_EXISTING;
        Command command = new Command(rows, expected, options, duplicatesExpected);
        try (Session session = Session.open(connections)) {
            return append(session, command);
        } catch (SQLException e) {
            throw SqlFailure.named("append to " + table, e);
        }
    }

    /**
     * Stores what is not stored already, all or none, in a transaction of its own; one result for each row, in their order.
     *
     * @param duplicatesExpected whether some may well be stored already, and the server should not log an error for that
     * @throws DuplicateEventException if another event has one of the ids; nothing is stored
     * @throws UnusableTransactionException if the connection is in a transaction of somebody's
     */
    List<AppendResult> appendAlone(List<EventRow> rows, boolean duplicatesExpected) {
        Command command = new Command(
                rows,
                ExpectedStreamVersion.any(),
                AppendOptions.onDuplicate(OnDuplicate.RETURN_EXISTING),
                duplicatesExpected);
        try (Session session = Session.open(connections)) {
            requireAlone(session);
            return append(session, command);
        } catch (SQLException e) {
            throw SqlFailure.named("append to " + table, e);
        }
    }

    private static void requireAlone(Session session) {
        if (session.joined()) {
            throw new UnusableTransactionException(
                    "the ConnectionSource gave out a connection in a transaction of a caller's, but says that nobody has one;"
                            + " nothing is stored; let its inCallersTransaction() say so");
        }
    }

    /** What a caller hears who did not ask for the first result. */
    static DuplicateEventException duplicate(AppendResult first) {
        return new DuplicateEventException(
                first.id(), first.version(), "give a new event a new id, or ask for onDuplicate(RETURN_EXISTING)");
    }

    private List<AppendResult> append(Session session, Command command) throws SQLException {
        Map<String, AppendResult> results = new HashMap<>();
        List<EventRow> open = command.rows;
        int conflicts = 0;
        SQLException taken = null;
        for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
            try {
                List<AppendResult> stored = attempt(session, command, open, attempt > 0);
                if (stored != null) {
                    stored.forEach(result -> results.put(result.id(), result));
                    return command.inOrder(results);
                }
            } catch (SQLException e) {
                // In a transaction of the store's own everything is undone, and another attempt is safe.
                boolean mayRetry = table.isTaken(e) || SqlFailure.isConflict(e) && ++conflicts < CONFLICTS;
                if (session.joined() || !mayRetry) {
                    throw e;
                }
                taken = table.isTaken(e) ? e : null;
            }
            Map<String, AppendResult> existing = command.explain(session.connection());
            results.putAll(existing);
            open = open.stream().filter(row -> !existing.containsKey(row.id())).toList();
            if (open.isEmpty()) {
                return command.inOrder(results);
            }
            if (taken != null && existing.isEmpty() && !table.isOwnKey(session.connection(), taken)) {
                throw taken; // by a unique index of the application
            }
        }
        throw new TransactionConflictException("append to " + table + " gave way to other writers " + ATTEMPTS
                + " times; try the whole transaction again (if it is always so, an index or trigger of the application's own keeps"
                + " the row out)");
    }

    /** All results, or null if nothing is stored because something was in the way. */
    private @Nullable List<AppendResult> attempt(
            Session session, Command command, List<EventRow> rows, boolean queueFirst) throws SQLException {
        boolean alone = !session.joined() && (queueFirst || !command.duplicatesExpected);
        if (rows.size() == 1 && !queueFirst) {
            return insert(session.connection(), command, rows, alone);
        }
        return session.atomically(connection -> {
            if (queueFirst) {
                session.readCommitted();
                table.queue(connection, EventInserts.aggregateIds(rows));
            }
            return insert(connection, command, rows, alone);
        });
    }

    /** @param alone whether an error costs nothing but this attempt */
    private @Nullable List<AppendResult> insert(
            Connection connection, Command command, List<EventRow> rows, boolean alone) throws SQLException {
        if (rows.size() == 1) {
            EventRow row = rows.get(0);
            Optional<AppendResult> stored = alone
                    ? table.insertAlone(connection, row, command.expected)
                    : table.insert(connection, row, command.expected);
            return stored.map(List::of).orElse(null);
        }
        List<AppendResult> stored = alone
                ? table.insertAllAlone(connection, rows, command.expected)
                : table.insertAll(connection, rows, command.expected);
        return stored.size() == rows.size() ? stored : null;
    }

    /** What the caller asked for. */
    private final class Command {

        private final List<EventRow> rows;
        private final ExpectedStreamVersion expected;
        private final AppendOptions options;
        private final boolean duplicatesExpected;

        Command(
                List<EventRow> rows,
                ExpectedStreamVersion expected,
                AppendOptions options,
                boolean duplicatesExpected) {
            this.rows = rows;
            this.expected = expected;
            this.options = options;
            this.duplicatesExpected = duplicatesExpected;
        }

        /**
         * Why not all is stored: the rows that were stored before, if the caller takes those as an answer.
         *
         * @throws DuplicateEventException if not
         * @throws WrongExpectedVersionException if the aggregate is not as expected
         */
        Map<String, AppendResult> explain(Connection connection) throws SQLException {
            Map<String, Existing> existing = table.existing(connection, rows);
            for (EventRow row : rows) {
                Optional.ofNullable(existing.get(row.id())).ifPresent(found -> requireRepeated(row, found));
            }
            boolean guarded = expected.kind() != ExpectedStreamVersion.Kind.ANY;
            if (guarded && existing.isEmpty()) {
                String aggregateId = rows.get(0).aggregateId();
                long actual = table.streamVersion(connection, aggregateId);
                if (!expected.matches(actual)) {
                    throw new WrongExpectedVersionException(aggregateId, expected, actual);
                }
            } else if (guarded && existing.size() < rows.size()) {
                AppendResult some = existing.values().iterator().next().result();
                throw new DuplicateEventException(
                        some.id(), some.version(), "other events of this append are not, so it is not the same append");
            }
            Map<String, AppendResult> results = new HashMap<>();
            existing.forEach((id, found) -> results.put(id, found.result()));
            return results;
        }

        private void requireRepeated(EventRow row, Existing found) {
            AppendResult first = found.result();
            if (options.onDuplicate() == OnDuplicate.FAIL) {
                throw duplicate(first);
            }
            if (!first.aggregateId().equals(row.aggregateId()) || !found.type().equals(row.type())) {
                throw new DuplicateEventException(
                        row.id(),
                        first.version(),
                        "but by another event (aggregate '" + EventLimits.printable(first.aggregateId()) + "', type '"
                                + EventLimits.printable(found.type())
                                + "'); give this one an id of its own");
            }
        }

        private List<AppendResult> inOrder(Map<String, AppendResult> results) {
            List<AppendResult> ordered = new ArrayList<>(rows.size());
            rows.forEach(row -> ordered.add(Objects.requireNonNull(results.get(row.id()))));
            return ordered;
        }
    }
}
