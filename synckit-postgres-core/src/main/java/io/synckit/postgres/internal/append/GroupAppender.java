package io.synckit.postgres.internal.append;

import io.synckit.AppendResult;
import io.synckit.ConnectionSource;
import io.synckit.ExpectedStreamVersion;
import io.synckit.postgres.internal.sql.AppendConflicts;
import io.synckit.postgres.internal.sql.EventGroupInsert;
import io.synckit.postgres.internal.sql.EventRow;
import io.synckit.postgres.internal.sql.Session;
import io.synckit.postgres.internal.sql.SqlFailure;
import io.synckit.postgres.internal.sql.TableName;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/** Stores a group of appends in one transaction, as far as they conflict with nothing. Thread-safe. */
public final class GroupAppender {

    private final ConnectionSource connections;
    private final EventGroupInsert insert;
    private final AppendConflicts conflicts;

    /** @param preparedStatements whether the driver may keep server-side prepared statements */
    public GroupAppender(ConnectionSource connections, TableName table, boolean preparedStatements) {
        this.connections = connections;
        this.insert = new EventGroupInsert(table, preparedStatements);
        this.conflicts = new AppendConflicts(table, preparedStatements);
    }

    /**
     * Stores the appends of a {@link CommitGroup}. Skips all appends of an aggregate that is not as expected, or of which an event is stored
     * already. In a group of at most 64 aggregates it also skips those that another transaction writes to. A larger group waits for such a
     * transaction.
     *
     * @return the results of the stored events, by id
     * @throws io.synckit.EventStoreException if the statement failed, perhaps because of one event; nothing is stored
     */
    Map<String, AppendResult> append(List<AppendRequest> group) {
        try (Session session = Session.openAlone(connections)) {
            boolean duplicatesLikely = group.stream().anyMatch(AppendRequest::duplicatesLikely);
            List<AppendRequest> open = duplicatesLikely ? withoutDuplicates(session.connection(), group) : group;
            try {
                return insert(session.connection(), open);
            } catch (SQLException e) {
                if (!conflicts.isTaken(e)) {
                    throw e;
                }
                List<AppendRequest> remaining = withoutDuplicates(session.connection(), open);
                // Without a duplicate, another writer took a stream version, or a unique index of the application
                // rejects an event.
                return remaining.size() == open.size() ? Map.of() : insert(session.connection(), remaining);
            }
        } catch (SQLException e) {
            if (conflicts.isTaken(e) || SqlFailure.isConflict(e)) {
                return Map.of();
            }
            throw SqlFailure.named("append to " + conflicts, e);
        }
    }

    private List<AppendRequest> withoutDuplicates(Connection connection, List<AppendRequest> group)
            throws SQLException {
        Map<String, AppendConflicts.Existing> existing = conflicts.existing(connection, rows(group));
        Set<String> aggregates = group.stream()
                .filter(request -> request.rows().stream().anyMatch(row -> existing.containsKey(row.id())))
                .map(AppendRequest::aggregateId)
                .collect(Collectors.toSet());
        return group.stream()
                .filter(request -> !aggregates.contains(request.aggregateId()))
                .toList();
    }

    private Map<String, AppendResult> insert(Connection connection, List<AppendRequest> group) throws SQLException {
        Map<String, ExpectedStreamVersion> guards = new HashMap<>();
        group.stream()
                .filter(AppendRequest::isGuarded)
                .forEach(request -> guards.put(request.aggregateId(), request.expected()));
        return group.isEmpty() ? Map.of() : insert.insert(connection, rows(group), guards);
    }

    private static List<EventRow> rows(List<AppendRequest> group) {
        return group.stream().flatMap(request -> request.rows().stream()).toList();
    }
}
