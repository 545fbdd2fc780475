package io.synckit.postgres;

import io.synckit.AppendResult;
import io.synckit.ConnectionSource;
import io.synckit.Event;
import io.synckit.ExpectedStreamVersion;
import io.synckit.InvalidConfigException;
import io.synckit.InvalidEventException;
import io.synckit.OnDuplicate;
import io.synckit.UnusableTransactionException;
import io.synckit.internal.Texts;
import io.synckit.postgres.internal.append.EventEncoder;
import io.synckit.postgres.internal.append.GroupCommit;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/** {@code storeAsync} and {@code appendAsync}: accepts events where that is permitted, and gives them to group commit. Thread-safe. */
final class AsyncAppends {

    private final DataSource dataSource;
    private final ConnectionSource connections;
    private final Operations operations;
    private final EventEncoder encoder;
    private final GroupCommit groups;
    private final boolean allowed;

    /** @param allowed null if it depends on the connections */
    AsyncAppends(
            DataSource dataSource,
            ConnectionSource connections,
            @Nullable Boolean allowed,
            Operations operations,
            EventEncoder encoder,
            GroupCommit groups) {
        this.dataSource = dataSource;
        this.connections = connections;
        this.operations = operations;
        this.encoder = encoder;
        this.groups = groups;
        this.allowed = Objects.requireNonNullElse(allowed, connections.sameForAllThreads());
    }

    CompletableFuture<AppendResult> store(Event event, OnDuplicate onDuplicate, Runnable committed) {
        return operations.append("storeAsync", accepted -> List.of(), metadata -> {
            if (event == null) {
                throw new InvalidEventException("the event is null; nothing is stored");
            }
            CompletableFuture<AppendResult> only = new CompletableFuture<>();
            // Not thenApply, which would wrap the error in a CompletionException.
            accept("storeAsync", List.of(event), metadata, ExpectedStreamVersion.any(), onDuplicate, committed)
                    .whenComplete((results, failure) -> {
                        if (failure == null) {
                            only.complete(results.get(0));
                        } else {
                            only.completeExceptionally(failure);
                        }
                    });
            return only;
        });
    }

    CompletableFuture<List<AppendResult>> append(
            String aggregateId,
            ExpectedStreamVersion expected,
            List<Event> events,
            OnDuplicate onDuplicate,
            Runnable committed) {
        return operations.append("appendAsync", accepted -> List.of(), metadata -> {
            EventEncoder.requireAggregate(aggregateId, events);
            return events.isEmpty()
                    ? CompletableFuture.completedFuture(List.of())
                    : accept("appendAsync", events, metadata, expected, onDuplicate, committed);
        });
    }

    private CompletableFuture<List<AppendResult>> accept(
            String operation,
            List<Event> events,
            Map<String, String> metadata,
            ExpectedStreamVersion expected,
            OnDuplicate onDuplicate,
            Runnable committed) {
        Objects.requireNonNull(expected, "expected");
        Objects.requireNonNull(onDuplicate, "onDuplicate");
        requirePermission(operation, events);
        return groups.accept(operation, encoder.encode(events, metadata), expected, onDuplicate, committed);
    }

    private void requirePermission(String operation, List<Event> events) {
        String plain = operation.replace("Async", "");
        if (connections.inCallersTransaction()) {
            throw new UnusableTransactionException(operation + " uses a separate transaction, so " + named(events)
                    + " would not roll back with the open transaction of the caller; use " + plain + ", or call "
                    + operation + " outside of the transaction");
        }
        if (!allowed) {
            throw new InvalidConfigException(
                    "allowAsync",
                    "does not permit " + operation + ": connections of "
                            + dataSource.getClass().getName()
                            + " may depend on the calling thread, but " + operation + " uses a thread of the store; "
                            + named(events) + " is not stored. Call " + plain
                            + " instead. If no tenant, role or session setting depends on the thread, set"
                            + " synckit.postgres.allow-async: true");
        }
    }

    private static String named(List<Event> events) {
        Event first = events.get(0);
        return "event '" + (first == null ? null : Texts.printable(first.id())) + "'";
    }

    /** Returns how many events wait. */
    int waiting() {
        return groups.waiting();
    }

    /** Stores what waits, within the limit of {@link GroupCommit#close}. */
    void close() {
        groups.close();
    }
}
