package io.synckit;

import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * An ordered, durable log of events. Thread-safe.
 *
 * <p>In a transaction of the caller, writes commit or roll back with it. Methods that use the database throw {@link StoreClosedException}
 * after {@link #close()}, {@link InvalidConnectionException} if the database cannot be used, and another {@link EventStoreException} for
 * other failures of the database.
 */
public interface EventStore extends AutoCloseable {

    /**
     * Stores one event, whatever the stream version of its aggregate is.
     *
     * @throws InvalidEventException if the event cannot be stored
     * @throws DuplicateEventException if its id is stored already; the transaction of the caller stays usable
     */
    default AppendResult store(Event event) {
        return store(event, OnDuplicate.FAIL);
    }

    /** Stores one event. {@code onDuplicate} decides what happens if its id is stored already. See {@link #store(Event)}. */
    AppendResult store(Event event, OnDuplicate onDuplicate);

    /**
     * Stores events of any aggregates, all or none. Their versions ascend in the order of the list. An empty list does nothing.
     *
     * @return one result for each event, in the order of the list
     * @throws InvalidEventException if an event cannot be stored, or an id occurs twice; nothing is stored
     * @throws DuplicateEventException if an id is stored already; nothing is stored, and the transaction of the caller stays usable
     */
    default List<AppendResult> storeBatch(List<Event> events) {
        return storeBatch(events, OnDuplicate.FAIL);
    }

    /** Stores events. {@code onDuplicate} decides what happens if an id is stored already. See {@link #storeBatch(List)}. */
    List<AppendResult> storeBatch(List<Event> events, OnDuplicate onDuplicate);

    /**
     * Stores events of one aggregate, all or none, if its stream version is as expected. Of two writers that expect the same
     * {@code exactly(n)} or {@code noStream()}, one succeeds. An empty list does nothing.
     *
     * @return one result for each event, in the order of the list
     * @throws WrongExpectedVersionException if the stream version is not as expected; nothing is stored, and the transaction of the caller
     *     stays usable
     * @throws InvalidEventException if an event cannot be stored or is of another aggregate, or an id occurs twice; nothing is stored
     * @throws DuplicateEventException if an id is stored already; nothing is stored, and the transaction of the caller stays usable
     */
    default List<AppendResult> append(String aggregateId, ExpectedStreamVersion expected, List<Event> events) {
        return append(aggregateId, expected, events, OnDuplicate.FAIL);
    }

    /**
     * Stores events of one aggregate. {@code onDuplicate} decides what happens if an id is stored already. See {@link #append(String,
     * ExpectedStreamVersion, List)}.
     */
    List<AppendResult> append(
            String aggregateId, ExpectedStreamVersion expected, List<Event> events, OnDuplicate onDuplicate);

    /**
     * Stores one event by group commit. A duplicate is an error. See {@link #storeAsync(Event, OnDuplicate)}.
     *
     * @throws InvalidEventException if the event cannot be stored
     * @throws UnusableTransactionException in a transaction of the caller
     * @throws InvalidConfigException if connections may depend on the calling thread
     */
    default CompletableFuture<AppendResult> storeAsync(Event event) {
        return storeAsync(event, OnDuplicate.FAIL);
    }

    /**
     * Accepts one event, and stores it soon by group commit: many events are stored in one transaction. The future completes after the
     * commit. Events of one aggregate are stored in the order in which they are accepted. Each call has its own future, and a failing one
     * fails alone.
     *
     * <p>Invalid arguments throw immediately. Failures after acceptance complete the future exceptionally, for example with {@link
     * DuplicateEventException}. After a lost connection ({@link InvalidConnectionException.Reason#UNAVAILABLE}), or an error whose message
     * says so, the event may be stored. To find out, store it again with its id and {@link OnDuplicate#RETURN_EXISTING}. Accepted events are
     * in memory until their commit.
     *
     * <p>While ten thousand events or 64 MB wait (divided by the number of lanes), the call blocks, or throws if the store is configured so.
     * A transaction that writes to the same aggregate delays an event and those behind it in its lane. If a group has waited for more than
     * ten seconds and an event of it fails by a timeout, the events behind it fail with {@link TransactionConflictException} without being
     * tried. Cancelling the future does not cancel
     * the event. Dependent stages run on a thread of the store, so give an executor to stages that take long.
     *
     * @throws InvalidEventException if the event cannot be stored
     * @throws UnusableTransactionException in a transaction of the caller, because the event would not roll back with it
     * @throws InvalidConfigException if connections may depend on the calling thread ({@link ConnectionSource#sameForAllThreads}), and no
     *     setting permits it
     * @throws AsyncQueueFullException if too many events wait, and the store is configured not to block
     * @throws EventStoreException if the thread is interrupted while it blocks; the event is not accepted
     */
    CompletableFuture<AppendResult> storeAsync(Event event, OnDuplicate onDuplicate);

    /**
     * Stores events of one aggregate by group commit. A duplicate is an error. See {@link #appendAsync(String, ExpectedStreamVersion, List,
     * OnDuplicate)}.
     */
    default CompletableFuture<List<AppendResult>> appendAsync(
            String aggregateId, ExpectedStreamVersion expected, List<Event> events) {
        return appendAsync(aggregateId, expected, events, OnDuplicate.FAIL);
    }

    /**
     * Accepts events of one aggregate, and stores them soon by group commit, all or none, if the stream version is as expected at that time.
     * The future has the results and the errors of {@link #append(String, ExpectedStreamVersion, List, OnDuplicate)}, for example {@link
     * WrongExpectedVersionException}. In all else it is like {@link #storeAsync(Event, OnDuplicate)}, with the same immediate errors. An
     * empty list does nothing.
     *
     * @throws InvalidEventException if an event cannot be stored or is of another aggregate, or an id occurs twice; nothing is stored
     */
    CompletableFuture<List<AppendResult>> appendAsync(
            String aggregateId, ExpectedStreamVersion expected, List<Event> events, OnDuplicate onDuplicate);

    /**
     * Returns one page of events after a version, with the default page size. A page never extends beyond the horizon, so no event can
     * appear later within a page that was already read.
     *
     * @throws InvalidVersionException if the version lies beyond the end of the log
     * @throws UnusableTransactionException in a REPEATABLE READ or SERIALIZABLE transaction of the caller
     * @throws InvalidFilterException if the value of a filter cannot be written as JSON
     */
    EventPage load(Version since, Filter... filters);

    /**
     * Returns one page of events after a version. See {@link #load(Version, Filter...)}.
     *
     * @param limit maximum number of events, at least 1
     * @throws IllegalArgumentException if the limit is below 1
     */
    EventPage load(Version since, int limit, Filter... filters);

    /**
     * Returns one page of the events that a query selects, up to the horizon. Newest first, {@link EventPage#next()} is the upper bound
     * ({@link EventQuery#before}) of the next page instead of a checkpoint.
     *
     * @throws InvalidVersionException if a bound lies beyond the end of the log
     * @throws UnusableTransactionException in a REPEATABLE READ or SERIALIZABLE transaction of the caller
     * @throws InvalidFilterException if the value of a filter cannot be written as JSON
     */
    EventPage query(EventQuery query);

    /**
     * Returns all events after a version, up to the horizon at the time of the call, through a server-side cursor. The memory does not
     * depend on their number. The stream holds a connection until it is closed or read to the end, so use try-with-resources.
     *
     * @throws InvalidVersionException if the version lies beyond the end of the log
     * @throws UnusableTransactionException in a REPEATABLE READ or SERIALIZABLE transaction of the caller
     * @throws InvalidFilterException if the value of a filter cannot be written as JSON
     */
    Stream<StoredEvent> stream(Version since, Filter... filters);

    /**
     * Returns one page of the events of an aggregate after a version, with the default page size. Includes events that the transaction of
     * the caller has stored itself.
     *
     * @throws InvalidVersionException if the version lies beyond the end of the log
     */
    EventPage loadByAggregate(String aggregateId, Version since, Filter... filters);

    /**
     * Returns one page of the events of an aggregate. See {@link #loadByAggregate(String, Version, Filter...)}.
     *
     * @param limit maximum number of events, at least 1
     * @throws IllegalArgumentException if the limit is below 1
     */
    EventPage loadByAggregate(String aggregateId, Version since, int limit, Filter... filters);

    /** Returns all events of an aggregate after a version (not a stream version). Holds a connection like {@link #stream}. */
    Stream<StoredEvent> streamByAggregate(String aggregateId, Version since, Filter... filters);

    /** Returns the event with this id. */
    Optional<StoredEvent> find(String id);

    /**
     * Returns the event with this id.
     *
     * @throws EventNotFoundException if there is none
     */
    default StoredEvent get(String id) {
        return find(id).orElseThrow(() -> new EventNotFoundException(id));
    }

    /** Returns the version of the last event up to the horizon. It is a safe checkpoint. {@link Version#ZERO} in an empty store. */
    Version latestVersion();

    /** Calls {@link Version#parse}. */
    default Version parseVersion(@Nullable String text) {
        return Version.parse(text);
    }

    /** Returns versions, sizes and the state of the connection pool. Sends one query. */
    StoreStats stats();

    /**
     * Closes the store, and its connection pool if it is dedicated. Events that {@link #storeAsync} has accepted are stored before, or fail
     * after half a minute. Closing again does nothing.
     */
    @Override
    void close();
}
