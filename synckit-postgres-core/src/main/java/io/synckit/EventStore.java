package io.synckit;

import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * An ordered, durable log of events. Safe for use by many threads.
 *
 * <p>Inside a transaction of the caller's, writes share its fate and reads see what it sees. Every method throws
 * {@link StoreClosedException} after {@link #close()}, {@link InvalidConnectionException} when the database cannot be used, and
 * {@link EventStoreException} or a subclass for everything else.
 */
public interface EventStore extends AutoCloseable {

    /**
     * Stores one event, whatever its aggregate's stream version is.
     *
     * @throws InvalidEventException if the event cannot be stored; nothing is
     * @throws DuplicateEventException if its id is stored already; the caller's transaction stays usable
     */
    default AppendResult store(Event event) {
        return store(event, AppendOptions.DEFAULTS);
    }

    /** As {@link #store(Event)}, with options. */
    AppendResult store(Event event, AppendOptions options);

    /**
     * Stores events, of any aggregates, all or none, with ascending versions in the order of the list. An empty list does nothing.
     *
     * @return one result for each event, in the order of the list
     * @throws InvalidEventException if one of them cannot be stored, or an id comes twice; nothing is
     * @throws DuplicateEventException if an id is stored already; nothing is, and the caller's transaction stays usable
     */
    default List<AppendResult> storeBatch(List<Event> events) {
        return storeBatch(events, AppendOptions.DEFAULTS);
    }

    /** As {@link #storeBatch(List)}, with options. */
    List<AppendResult> storeBatch(List<Event> events, AppendOptions options);

    /**
     * Stores events of one aggregate, all or none, if the aggregate is as expected: of two writers with the same expectation one
     * wins. An empty list does nothing.
     *
     * @throws WrongExpectedVersionException if the aggregate is not as expected; nothing is stored, and the caller's transaction
     *     stays usable
     * @throws InvalidEventException as {@link #storeBatch}, or if an event is of another aggregate
     * @throws DuplicateEventException as {@link #storeBatch}
     */
    default List<AppendResult> append(String aggregateId, ExpectedStreamVersion expected, List<Event> events) {
        return append(aggregateId, expected, events, AppendOptions.DEFAULTS);
    }

    /** As {@link #append(String, ExpectedStreamVersion, List)}, with options. */
    List<AppendResult> append(
            String aggregateId, ExpectedStreamVersion expected, List<Event> events, AppendOptions options);

    /**
     * As {@link #storeAsync(Event, AppendOptions)}, without options.
     *
     * @throws InvalidEventException if the event cannot be stored
     * @throws UnusableTransactionException in a transaction of the caller's
     * @throws InvalidConfigException if connections may depend on the thread
     */
    default CompletableFuture<AppendResult> storeAsync(Event event) {
        return storeAsync(event, AppendOptions.DEFAULTS);
    }

    /**
     * Accepts one event, to be stored soon together with those of other callers: many events share a transaction and its commit. The
     * result is there when that is committed. Events of one thread are stored in the order of its calls, and each has a result, or an
     * error, of its own: one that cannot be stored keeps no other back.
     *
     * <p>What is wrong with the call is thrown, and then the event is not accepted. What happens afterwards is the result's:
     * {@link DuplicateEventException}, or {@link InvalidConnectionException} if the database was away: then it may be stored, and is found
     * out by storing it again with its id and {@link OnDuplicate#RETURN_EXISTING}. What is accepted lives in memory until it is committed.
     *
     * <p>If ten thousand events or 64 MB wait, the call waits for room. A transaction that writes to the same aggregate holds up an event
     * and those that are behind it. To cancel the result does not keep the event from being stored. What is hung on to the result is run
     * by a thread of the store, and by one more when that gets nowhere for a moment: what takes long should be hung on with an executor.
     *
     * @throws InvalidEventException if the event cannot be stored
     * @throws UnusableTransactionException in a transaction of the caller's, whose fate the event would not share
     * @throws InvalidConfigException if connections may depend on the thread ({@link ConnectionSource#sameForAllThreads}), and no setting
     *     says otherwise
     * @throws EventStoreException if the thread is interrupted while it waits for room
     */
    CompletableFuture<AppendResult> storeAsync(Event event, AppendOptions options);

    /**
     * The events after a version, as many as one page holds by default. Nothing is ever skipped: a page ends where a
     * transaction in flight may still store something.
     *
     * @throws InvalidVersionException if the position lies beyond the end of the log
     * @throws UnsupportedIsolationException in a caller's transaction that is REPEATABLE READ or SERIALIZABLE
     * @throws InvalidFilterException if a filter's value cannot be written as JSON
     */
    EventPage load(Version since, Filter... filters);

    /**
     * As {@link #load(Version, Filter...)} with a limit.
     *
     * @param limit 1 or more
     * @throws IllegalArgumentException if the limit is below 1
     */
    EventPage load(Version since, int limit, Filter... filters);

    /**
     * All events after a version, decided at the time of the call, through a server-side cursor: the memory does not depend on
     * their number. It holds a connection until it is closed or read to the end; use try-with-resources.
     *
     * @throws UnsupportedIsolationException as {@link #load}
     */
    Stream<StoredEvent> stream(Version since, Filter... filters);

    /**
     * The events of one aggregate after a version, as many as one page holds by default. Sees what the caller's transaction has
     * stored itself.
     *
     * @throws InvalidVersionException if the position lies beyond the end of the log
     */
    EventPage loadByAggregate(String aggregateId, Version since, Filter... filters);

    /** As {@link #loadByAggregate(String, Version, Filter...)} with a limit of 1 or more. */
    EventPage loadByAggregate(String aggregateId, Version since, int limit, Filter... filters);

    /** All events of one aggregate after a version; otherwise as {@link #stream}. */
    Stream<StoredEvent> streamByAggregate(String aggregateId, Version since, Filter... filters);

    /** The event with this id, if there is one. */
    Optional<StoredEvent> find(String id);

    /** @throws EventNotFoundException if there is no event with this id */
    default StoredEvent get(String id) {
        return find(id).orElseThrow(() -> new EventNotFoundException(id));
    }

    /**
     * The highest version of which everything at or below is decided: a cursor that is safe to keep. {@link Version#ZERO} in an
     * empty store.
     */
    Version latestVersion();

    /** As {@link Version#parse}. */
    default Version parseVersion(@Nullable String text) {
        return Version.parse(text);
    }

    /** A look at the store: versions, sizes, pool. One query. */
    StoreStats stats();

    /**
     * Ends this store, and the connection pool if it is the store's own. What {@link #storeAsync} has accepted is stored before, within half a
     * minute, or fails. Closing again does nothing.
     */
    @Override
    void close();
}
