package io.synckit.subscription;

import io.synckit.HistoryChangedException;
import io.synckit.InvalidVersionException;
import io.synckit.Version;
import java.time.Duration;
import java.util.List;

/**
 * A handle of a durable subscription. The methods that change the subscription act on all processes that run it. Methods that use the
 * database throw {@link io.synckit.EventStoreException} if it cannot be used. Safe for use by many threads.
 */
public interface DurableSubscription extends AutoCloseable {

    /** Returns the options. */
    DurableOptions options();

    /** Returns the name. */
    default String name() {
        return options().name();
    }

    /** Returns the status of all partitions. Sends a query. */
    DurableStatus status();

    /** Returns what this process does for the subscription. Sends no query. */
    List<PartitionActivity> activity();

    /** Waits until all events up to a version are handled. See {@link #await(Version, String, Duration)}. */
    Outcome await(Version version, Duration timeout) throws InterruptedException;

    /**
     * Waits until the events of a key up to a version are handled, for example to read one's own write from a read model.
     *
     * @param version usually the version that the append has returned
     * @param key the key of the event, by default the aggregate id
     */
    Outcome await(Version version, String key, Duration timeout) throws InterruptedException;

    /**
     * Pauses the subscription in all processes, also after a restart, until {@link #resume}. When the method returns, no handler call
     * of it can commit any more. Waits for running calls up to the close timeout of the listener, then takes the partitions from their
     * owners, and ends the sessions of exactly-once calls that still run.
     *
     * @throws io.synckit.EventStoreException if a session cannot be ended. The subscription is paused, but the call may still commit
     */
    void pause() throws InterruptedException;

    /** Ends a pause. Partitions that have stopped, or wait after a failure, try again at once. */
    void resume();

    /**
     * Moves all partitions to a position. Keys that wait are not affected.
     *
     * @param expected the lowest position of a partition ({@link DurableStatus#position()})
     * @param to all events after this version are handled, again or for the first time; those before are not
     * @throws InvalidVersionException if the position is not the expected one, or the version was not given out; nothing is changed
     */
    void moveTo(Version expected, Version to);

    /**
     * Handles events again, for example to rebuild a read model. In one transaction it runs the action, moves all partitions and removes
     * the keys that wait.
     *
     * @param from all events after this version are handled again
     * @param action for example empties the tables of the read model, in the transaction that it runs in
     * @throws InvalidVersionException if the version was not given out; nothing is changed
     */
    void replay(Version from, Runnable action);

    /** Returns the keys that wait, at most {@code limit}, those that failed first at the front. */
    List<ParkedKey> parked(int limit);

    /** Tries the next event of a key again, with all its attempts. Returns whether the key waits. */
    boolean requeue(String key);

    /** Tries all keys that wait again. Returns their number. */
    int requeueAll();

    /** Skips the next event of a key, and continues with the later ones. Returns whether the key waits. */
    boolean skip(String key);

    /** Skips all events of a key that wait. Returns whether the key waits. */
    boolean discard(String key);

    /**
     * Ends the subscription in this process: lets running handler calls end, at most for the close timeout of the listener, and gives the
     * partitions to other processes. Closing again does nothing.
     */
    @Override
    void close();

    /** The outcome of waiting for events. */
    enum Outcome {

        /** All events are handled, skipped or discarded. */
        HANDLED,

        /** An event up to the version is parked, of the given key or of any. */
        PARKED,

        /** The time is over. */
        TIMEOUT
    }

    /**
     * What this process does for a partition.
     *
     * @param position the last version up to which every event is handled, waits or does not match
     * @param state the state
     * @param failure why it waits or has stopped; an empty text if there is no failure, or {@link HistoryChangedException}'s message
     * @param lag how far the position is behind
     * @param handlerRuns how long the current handler call has run; zero if none runs
     * @param counts numbers since the process has owned the partition for the first time
     */
    record PartitionActivity(
            int partition,
            Version position,
            State state,
            String failure,
            LiveSubscription.Lag lag,
            Duration handlerRuns,
            Counts counts) {}

    /** The state of a partition in this process. */
    enum State {

        /** Another process or none owns the partition. */
        NOT_OWNED,

        /** Handles events, or waits for them. */
        RUNNING,

        /** Waits after a failure, then tries the same event again. */
        BACKING_OFF,

        /** Has stopped because of a failure, until {@link DurableSubscription#resume} or {@link DurableSubscription#moveTo}. */
        STOPPED
    }

    /**
     * Numbers of a partition since the start of this process.
     *
     * @param handled events that were handled
     * @param failed handler calls that have failed
     * @param retried attempts after the first
     * @param parked events that were parked
     * @param skipped events that were skipped after all attempts had failed
     * @param claims how often this process has become the owner
     * @param batchSize limit of the last batch
     */
    record Counts(long handled, long failed, long retried, long parked, long skipped, long claims, int batchSize) {}
}
