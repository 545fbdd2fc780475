package io.synckit.benchmarks.contenders;

import java.util.List;
import java.util.Set;
import java.util.function.LongConsumer;

/** One way to store and deliver events. Thread-safe. Consumers receive the {@code n} of each event, read from its data. */
public interface Contender extends AutoCloseable {

    /** What a contender supports besides storing one event. */
    enum Can {
        STORE_BATCH,
        READ_ALL,
        READ_STREAM,
        FOLLOW,
        CONSUME
    }

    String name();

    Set<Can> can();

    /** Drops and creates its tables. */
    void create() throws Exception;

    /**
     * Stores an event in a transaction of its own.
     *
     * @return the time of the start, or of the start of the commit if it is known, by {@link System#nanoTime}
     */
    long store(Order order) throws Exception;

    /** Stores an event. Returns the start of the commit if it is known, otherwise the start of the call. */
    default long storeAndCommit(Order order) throws Exception {
        return store(order);
    }

    /** Stores a business row and the event in one transaction. */
    default void storeWithBusinessRow(Order order) throws Exception {
        throw new IllegalStateException(name() + " does not support a business row");
    }

    /** Waits until the events of {@link #store} are committed, if that returns before their commit. */
    default void settle() {}

    /** The name of its table. Some contenders have the same one. */
    default String table() {
        return name();
    }

    /** Stores events in one transaction. */
    default void storeBatch(List<Order> orders) throws Exception {
        throw new IllegalStateException(name() + " does not support batches");
    }

    /** Reads all events, from the first, and their data. */
    default void readAll(LongConsumer each) throws Exception {
        throw new IllegalStateException(name() + " does not support a read of all events");
    }

    /** Reads all events of an aggregate, and their data. */
    default void readStream(String aggregateId, LongConsumer each) throws Exception {
        throw new IllegalStateException(name() + " does not support a read of one aggregate");
    }

    /** Receives each event that is committed from now on, until the returned handle is closed. */
    default Following follow(LongConsumer each) throws Exception {
        throw new IllegalStateException(name() + " does not support delivery");
    }

    /**
     * Hands the stored events to a new consumer with a checkpoint in the database.
     *
     * @param events number of events after which it returns
     */
    default void consume(long events, LongConsumer each) throws Exception {
        throw new IllegalStateException(name() + " does not support consumers with a checkpoint");
    }

    @Override
    default void close() {}

    /** Receives events until it is closed. */
    interface Following extends AutoCloseable {

        @Override
        void close();
    }
}
