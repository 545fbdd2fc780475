package io.synckit.subscription;

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
     * Waits until the events of a key up to a version are handled, for example to read one's own write from a read model. To be called
     * after the commit.
     *
     * @param version usually the version that the append has returned
     * @param key the key of the event, by default the aggregate id
     */
    Outcome await(Version version, String key, Duration timeout) throws InterruptedException;

    /**
     * Pauses the subscription in all processes, also after a restart, until {@link #resume}. When the method returns, no handler call
     * in exactly-once delivery can commit any more. Waits for running calls: 30 seconds, or without Spring the close timeout of the
     * listener if it is not zero. Then it ends the sessions of exactly-once calls that still run. At-least-once calls are not interrupted.
     *
     * @throws io.synckit.EventStoreException if a session cannot be ended: the subscription is paused, but the call may still commit. Or
     *     if the subscription is resumed meanwhile: then it is not paused
     */
    void pause() throws InterruptedException;

    /**
     * Ends a pause. Partitions that have stopped, or try a failed event again in place, continue at once.
     *
     * @throws io.synckit.EventStoreException if a partition has stopped because its checkpoint belongs to a former log. Then nothing is
     *     changed. Call {@link #replay}
     */
    void resume();

    /**
     * Moves all partitions to a position. Waiting keys stay. After a move back, they continue when the partition reaches their failed event
     * again. Waits for running calls in exactly-once delivery only.
     *
     * @param expected the lowest position of a partition ({@link DurableStatus#position()})
     * @param to all events after this version are handled, again or for the first time, except those before the failed event of a waiting
     *     key; those up to this version are not
     * @throws InvalidVersionException if the position is not the expected one, or the version was not given out; nothing is changed
     * @throws io.synckit.EventStoreException if a call in exactly-once delivery still runs after the time that {@link #pause} waits; nothing is changed
     */
    void moveTo(Version expected, Version to);

    /**
     * Handles events again, for example to rebuild a read model. In one transaction it runs the action, moves all partitions and removes
     * the keys that wait. Waits for running calls in exactly-once delivery only: a running call in at-least-once delivery can still have
     * effects afterwards, unless {@link #pause} is called first.
     *
     * @param from all events after this version are handled again
     * @param action for example empties the tables of the read model, in the transaction that it runs in
     * @throws InvalidVersionException if the version was not given out; nothing is changed
     * @throws io.synckit.EventStoreException if a call in exactly-once delivery still runs after the time that {@link #pause} waits; nothing is changed
     */
    void replay(Version from, Runnable action);

    /** Returns the waiting keys, parked or not, at most {@code limit}, those that failed first at the front. */
    List<ParkedKey> parked(int limit);

    /**
     * Requests another attempt at the next event of a waiting key, with all its retries. The owner of the partition carries it out. If the
     * partition has stopped, this is after {@link #resume}. Returns false if the key does not wait.
     */
    boolean requeue(String key);

    /** Requests another attempt for all waiting keys, except those with another command that is not carried out yet. Returns their number. See {@link #requeue}. */
    int requeueAll();

    /**
     * Requests that the next event of a waiting key is skipped. The later ones are handled. The owner of the partition carries it out. If
     * the partition has stopped, this is after {@link #resume}. Returns false if the key does not wait.
     */
    boolean skip(String key);

    /**
     * Requests that all waiting events of a key are skipped. The owner of the partition carries it out. If the partition has stopped, this
     * is after {@link #resume}. Returns false if the key does not wait.
     */
    boolean discard(String key);

    /**
     * Ends the subscription in this process, and gives the partitions to other processes. Waits for running handler calls: at most 30
     * seconds, or without Spring the close timeout of the listener if it is not zero. Closing again does nothing.
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
     * @param failure message of the failure because of which it waits or has stopped; empty if there is none
     * @param lag versions between the position and the last version that the reader of this process has read, and time since the first
     *     event that is not handled was stored; zero if this process does not own the partition
     * @param handlerRuns how long the current handler call has run; zero if none runs
     * @param counts numbers since the start of this process
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

        /** Has stopped because of a failure, until {@link DurableSubscription#resume}, {@code moveTo} or {@code replay}. */
        STOPPED
    }

    /**
     * Numbers of a partition since the start of this process.
     *
     * @param handled events that were handled
     * @param failed handler calls that have failed
     * @param retried attempts after the first at events of waiting keys
     * @param parked events that were parked
     * @param skipped events that were skipped after all attempts had failed
     * @param claims how often this process has become the owner
     * @param batchSize how many events the last batch could have at most
     */
    record Counts(long handled, long failed, long retried, long parked, long skipped, long claims, int batchSize) {}
}
