package io.synckit.torture.process;

import io.synckit.AppendResult;
import io.synckit.ConnectionSource;
import io.synckit.Event;
import io.synckit.EventStore;
import io.synckit.EventStoreException;
import io.synckit.ExpectedStreamVersion;
import io.synckit.InvalidConnectionException;
import io.synckit.OnDuplicate;
import io.synckit.TransactionConflictException;
import io.synckit.Version;
import io.synckit.WrongExpectedVersionException;
import java.sql.PreparedStatement;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The operations of one thread of a writer. Before an operation its events are recorded, and after it the outcome: committed with versions,
 * rejected, or unknown.
 */
final class Operations {

    private static final int ACCOUNTS = 40;
    private static final int GUARDED_ACCOUNTS = 4;
    private static final int MOST_IN_BATCH = 12;
    private static final int ATTEMPTS = 20;

    private final String name;
    private final HistoryFile history;
    private final EventStore store;
    private final ConnectionSource connections;
    private final SqlWrites sql;
    private final Random random;
    private int count;

    Operations(
            String name,
            HistoryFile history,
            EventStore store,
            ConnectionSource connections,
            SqlWrites sql,
            Random random) {
        this.name = name;
        this.history = history;
        this.store = store;
        this.connections = connections;
        this.sql = sql;
        this.random = random;
    }

    /** Performs an operation and waits for its end. */
    void next() {
        int kind = random.nextInt(100);
        if (kind < 25) {
            List<Event> events = events(1, anyAccount());
            perform("plain", events, () -> List.of(store.store(events.get(0)).version()));
        } else if (kind < 35) {
            List<Event> events = events(1, anyAccount());
            perform("retried", events, () -> List.of(storeOnce(events.get(0)).version()));
        } else if (kind < 45) {
            List<Event> events = events(2 + random.nextInt(MOST_IN_BATCH - 1), null);
            perform("batch", events, () -> versions(store.storeBatch(events)));
        } else if (kind < 60) {
            guarded();
        } else if (kind < 75) {
            asynchronous();
        } else if (kind < 85) {
            List<Event> events = events(1, anyAccount());
            boolean rollsBack = random.nextInt(4) == 0;
            perform("business", events, () -> inBusinessTransaction(events.get(0), rollsBack));
        } else {
            sql();
        }
    }

    private String anyAccount() {
        return "account-" + random.nextInt(ACCOUNTS);
    }

    /** @param account the account of all events; null for one of its own for each */
    private List<Event> events(int number, @Nullable String account) {
        String operation = name + "-" + ++count;
        List<Event> events = new ArrayList<>();
        for (int i = 0; i < number; i++) {
            events.add(Event.of(account == null ? anyAccount() : account, ConsumerProcess.BOOKED, (long)
                            random.nextInt(1000))
                    .withId(operation + "." + i));
        }
        return events;
    }

    /** Repeats the call as long as its outcome is unknown. */
    private AppendResult storeOnce(Event event) {
        for (int attempt = 1; ; attempt++) {
            try {
                return store.store(event, OnDuplicate.RETURN_EXISTING);
            } catch (InvalidConnectionException e) {
                if (attempt == ATTEMPTS) {
                    throw e;
                }
                Pause.millis(200);
            }
        }
    }

    /** Statements of another program. One event is rolled back to a savepoint. */
    private void sql() {
        List<Event> undone = events(1, anyAccount());
        String undoneOperation = start("undone", undone);
        List<Event> events = events(1 + random.nextInt(3), null);
        perform("sql", events, () -> sql.store(events, undone.get(0)));
        history.write("rejected", undoneOperation, "rolled back to the savepoint");
    }

    /** Several threads append to few accounts, each for the stream version that it has read. */
    private void guarded() {
        String account = "guarded-" + random.nextInt(GUARDED_ACCOUNTS);
        List<Event> events = events(1 + random.nextInt(2), account);
        perform("guarded", events, () -> {
            long last = sql.lastStreamVersion(account);
            return versions(store.append(account, ExpectedStreamVersion.exactly(last), events));
        });
    }

    private void asynchronous() {
        List<Event> events = events(1, anyAccount());
        String operation = start("async", events);
        try {
            store.storeAsync(events.get(0)).whenComplete((result, failure) -> {
                if (failure == null) {
                    committed(operation, List.of(result.version()));
                } else {
                    failed(operation, failure);
                }
            });
        } catch (RuntimeException e) {
            failed(operation, e);
        }
    }

    private List<Version> inBusinessTransaction(Event event, boolean rollsBack) throws Exception {
        return connections.inTransaction(() -> {
            try (ConnectionSource.Borrowed borrowed = connections.borrow();
                    PreparedStatement insert =
                            borrowed.connection().prepareStatement("insert into business (event_id) values (?)")) {
                insert.setString(1, event.id());
                insert.executeUpdate();
            }
            AppendResult result = store.store(event);
            if (rollsBack) {
                throw new Rejected("rolled back on purpose");
            }
            return List.of(result.version());
        });
    }

    private void perform(String kind, List<Event> events, Action action) {
        String operation = start(kind, events);
        try {
            committed(operation, action.run());
        } catch (Exception e) {
            failed(operation, e);
        }
    }

    private String start(String kind, List<Event> events) {
        String operation = events.get(0).id().replaceAll("\\..*", "");
        String all = events.stream()
                .map(event -> event.id() + '|' + event.aggregateId() + '|' + event.type() + '|' + event.data())
                .collect(Collectors.joining(";"));
        history.write("start", operation, kind, all);
        return operation;
    }

    private static List<Version> versions(List<AppendResult> results) {
        return results.stream().map(AppendResult::version).toList();
    }

    private void committed(String operation, List<Version> versions) {
        history.write(
                "committed", operation, versions.stream().map(Version::toString).collect(Collectors.joining(";")));
    }

    /** Only what is certain counts as rejected. */
    private void failed(String operation, Throwable failure) {
        boolean rejected = failure instanceof Rejected
                || failure instanceof TransactionConflictException
                || failure instanceof WrongExpectedVersionException;
        history.write(rejected ? "rejected" : "unknown", operation, reason(failure));
    }

    private static String reason(Throwable failure) {
        if (failure instanceof InvalidConnectionException connection) {
            return connection.reason().name();
        }
        String name = failure.getClass().getSimpleName();
        return failure instanceof EventStoreException
                ? name
                : name + " " + String.valueOf(failure.getMessage()).replaceAll("\\s+", " ");
    }

    /** Stores events. */
    private interface Action {
        List<Version> run() throws Exception;
    }

    /** The transaction was rolled back, or its session has ended before the commit. */
    static final class Rejected extends RuntimeException {

        private static final long serialVersionUID = 1;

        Rejected(String reason) {
            super(reason);
        }
    }
}
