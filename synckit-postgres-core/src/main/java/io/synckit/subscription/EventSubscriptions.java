package io.synckit.subscription;

import io.synckit.InvalidConnectionException;
import io.synckit.InvalidFilterException;
import io.synckit.InvalidVersionException;
import io.synckit.StoreClosedException;
import io.synckit.StoredEvent;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Flow;

/** Consumes the events that this process and others commit, in the order of versions. Thread-safe. */
public interface EventSubscriptions {

    /**
     * Calls the handler for every event that matches, from now on or after a version. Best effort: if the handler throws, the exception is
     * logged and the event is skipped. The subscription ends with the process, and its position is not stored.
     *
     * <p>The handler is called by one thread at a time, never by the caller's.
     *
     * @throws InvalidVersionException if the subscription starts after a version that was not given out
     * @throws InvalidFilterException if a filter's value cannot be written as JSON
     * @throws InvalidConnectionException if the database cannot be reached
     * @throws StoreClosedException if the subscriptions are closed
     */
    LiveSubscription live(LiveOptions options, StoredEventHandler handler);

    /**
     * Returns a publisher of the same events. Each subscriber gets a subscription of its own, and no more events than it
     * requests. {@code subscribe} returns at once. The errors of {@link #live} go to {@code onError}. The subscriber is completed when the
     * subscriptions are closed. A subscriber that throws is cancelled.
     */
    Flow.Publisher<StoredEvent> publisher(LiveOptions options);

    /** Returns the active live subscriptions. */
    List<LiveSubscription> active();

    /**
     * Starts a durable subscription in this process. Its checkpoint is in the database, so it continues after a restart. All processes that
     * start it share its partitions. A process that dies is replaced by another one.
     *
     * @throws io.synckit.InvalidConfigException if the options exclude each other, if the subscription runs in this process already
     *     or has another number of partitions in the database, or if the delivery is EXACTLY_ONCE and the connections cannot run
     *     transactions
     * @throws InvalidFilterException if a filter's value cannot be written as JSON
     * @throws InvalidVersionException if it starts for the first time, after a version that was not given out
     * @throws InvalidConnectionException if the database cannot be reached, or the role lacks a privilege
     * @throws StoreClosedException if the subscriptions are closed
     */
    DurableSubscription durable(DurableOptions options, DurableEventHandler handler);

    /** Starts a durable subscription that handles batches. See {@link #durable}. */
    DurableSubscription durableBatches(DurableOptions options, DurableBatchHandler handler);

    /** Returns the durable subscriptions that were started in this process and are not closed. */
    List<DurableSubscription> durable();

    /** Returns the durable subscription with this name, if it was started in this process and is not closed. */
    default Optional<DurableSubscription> durable(String name) {
        return durable().stream()
                .filter(subscription -> subscription.options().name().equals(name))
                .findAny();
    }
}
