package io.synckit.postgres.internal.durable;

import io.synckit.postgres.internal.listen.HistoryChange;
import io.synckit.postgres.internal.runtime.Clock;
import io.synckit.postgres.internal.runtime.NamedThreads;
import io.synckit.postgres.internal.sql.PartitionId;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.LongPredicate;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Runs the durable subscriptions of a process. On the thread of its timer it claims and gives up partitions, stores positions and sends
 * signals. Thread-safe.
 */
final class Coordinator implements PartitionHost {

    private static final long CATCH_UP_AFTER = Duration.ofSeconds(1).toNanos();
    private static final long CHECK_AFTER_EVENTS = Duration.ofSeconds(2).toNanos();
    private static final long EXECUTE_AGAIN = Duration.ofSeconds(1).toNanos();
    private static final Duration BUSY_INTERVAL = Duration.ofSeconds(2);
    private static final Duration TIMER_END = Duration.ofSeconds(2);

    private static final Logger log = LoggerFactory.getLogger(Coordinator.class);

    private final Database database;
    private final Executor handlers;
    private final Clock clock;
    private final ScheduledExecutorService timer;
    private final Map<PartitionId, PartitionRun> runs = new ConcurrentHashMap<>();
    private final AtomicBoolean catchUpPlanned = new AtomicBoolean();
    private final CheckpointCheck checkpoints;
    private final Ownership ownership;
    private final PositionFlush positions;
    private final Pin pin;
    private final OwnershipChecks checks;
    private volatile @Nullable Membership membership;
    private volatile boolean serving;

    /**
     * @param published the version up to which this process has read
     * @param isReadFrom returns whether this process reads from the server with this start
     */
    Coordinator(
            Database database,
            DurableRegistry registry,
            Executor handlers,
            Duration ownerTimeout,
            LongSupplier published,
            LongPredicate isReadFrom,
            Clock clock) {
        this.database = database;
        this.handlers = handlers;
        this.clock = clock;
        this.timer = NamedThreads.timer("synckit-durable-" + database);
        this.checkpoints = new CheckpointCheck(database, published, isReadFrom, clock);
        PartitionClaimer claimer = new PartitionClaimer(database, registry, this, checkpoints);
        this.ownership = new Ownership(database, registry, runs, this, claimer, published, checkpoints);
        this.positions = new PositionFlush(database, runs.values(), this::schedule);
        this.pin = new Pin(database, ownerTimeout, clock);
        this.checks = new OwnershipChecks(database, ownership, pin, timer, this::served, clock);
        long period = ownerTimeout.toMillis() / 3;
        timer.scheduleWithFixedDelay(checks::checkUnlessAtRest, period, period, TimeUnit.MILLISECONDS);
        timer.scheduleWithFixedDelay(
                this::signalBusy, BUSY_INTERVAL.toMillis(), BUSY_INTERVAL.toMillis(), TimeUnit.MILLISECONDS);
    }

    /** Serves durable subscriptions from now on. */
    void start(Membership member) {
        membership = member;
        serving = true;
        member.join();
        requestCheck(0);
    }

    boolean isServing() {
        return serving;
    }

    private @Nullable Membership served() {
        return serving ? membership : null;
    }

    /** Adds a run of a partition that a process id has claimed. Returns false if a stop has begun since, or the process has a new id. */
    boolean add(PartitionRun run, int claimedBy) {
        synchronized (runs) {
            Membership member = membership;
            boolean adds = serving && member != null && member.id() == claimedBy;
            if (adds) {
                runs.put(run.partition().id(), run);
            }
            return adds;
        }
    }

    /** Returns the partitions of a subscription that this process owns. */
    List<PartitionRun> runs(String subscription) {
        return runs.values().stream()
                .filter(run -> run.partition().id().subscription().equals(subscription)
                        && !run.partition().isLost())
                .toList();
    }

    /** Ends the runs of a subscription, because its partitions have no owner any more. */
    void takenFromOwners(String subscription) {
        runs(subscription).forEach(PartitionRun::lose);
        requestCheck(0);
    }

    /** Reads owners and processes soon, and changes what this process owns. */
    void requestCheck(long afterNanos) {
        checks.request(afterNanos);
    }

    /** Verifies all runs: this process has its lock, perhaps again after a crash of the server that has lost commits. */
    void anchored() {
        runs.values().forEach(PartitionRun::verify);
        requestCheck(0);
    }

    /** The reader continues on another server. The log is unchanged. */
    void serverChanged(long serverStart) {
        checkpoints.serverChanged(serverStart);
    }

    /** Ends all claims of this process. Their checkpoints are compared with the change when they are claimed again. */
    void historyChanged(HistoryChange change) {
        checkpoints.historyChanged(change);
        runs.values().forEach(PartitionRun::abandon);
    }

    /** Events were published. Checks the owners later, because the owner of a partition may have died. */
    void checkOwnersLater() {
        if (ownership.hasOthers()) {
            requestCheck(CHECK_AFTER_EVENTS);
        }
    }

    /** Runs a task on the timer's thread. */
    void schedule(Runnable task, long afterNanos) {
        try {
            timer.schedule(task, afterNanos, TimeUnit.NANOSECONDS);
        } catch (RejectedExecutionException e) {
            // Closed.
        }
    }

    private void signalBusy() {
        if (serving && ownership.hasOthers() && runs.values().stream().anyMatch(PartitionRun::isActive)) {
            send(Signals.BUSY);
        }
    }

    /** Sends a signal on the timer's thread. If it is lost, {@link Ownership} reminds the process that it concerns. */
    void send(String signal) {
        schedule(
                () -> {
                    try {
                        database.send(signal);
                    } catch (RuntimeException e) {
                        log.debug("durable.signal-failed: {}", e.getMessage());
                    }
                },
                0);
    }

    /** Stores which subscriptions this process can run, and checks what it owns. If that fails, the next check tries again. */
    void storeNames() {
        ownership.namesChanged();
        requestCheck(0);
    }

    /** Stores positions soon, because one has moved. */
    void moved() {
        positions.moved();
    }

    /** Stores the positions of partitions now, except those whose rows are locked. To be called on the timer's thread. */
    void flush(Collection<PartitionRun> of) {
        positions.flush(of, true);
    }

    /** Wakes the partitions that are behind, although no event matches, so that their positions move. */
    void catchUpLater() {
        if (catchUpPlanned.compareAndSet(false, true)) {
            schedule(
                    () -> {
                        catchUpPlanned.set(false);
                        runs.values().forEach(PartitionRun::wake);
                    },
                    CATCH_UP_AFTER);
        }
    }

    @Override
    public void execute(PartitionRun run) {
        try {
            handlers.execute(run);
        } catch (RuntimeException | OutOfMemoryError e) {
            schedule(() -> execute(run), EXECUTE_AGAIN);
        }
    }

    @Override
    public boolean isSeenAlive() {
        Membership member = membership;
        return member != null && member.isSeenAlive();
    }

    @Override
    public void ended(PartitionRun run) {
        if (runs.remove(run.partition().id(), run)) {
            send(Signals.RELEASED);
            requestCheck(0);
        }
    }

    /**
     * Gives all partitions up. Waits until the running handler calls have ended, or the time is over: then their partitions keep this
     * process as their owner, and count as those of a dead one.
     */
    void stop(Duration limit) {
        Membership member = membership;
        if (member == null || !serving) {
            return;
        }
        synchronized (runs) {
            serving = false;
        }
        Handover handover = new Handover(member, limit, clock);
        handover.release(runs.values());
        // On this thread, because the timer may be blocked, and the next start must not wait for it.
        boolean locked = member.isLocked();
        int id = member.leave();
        CountDownLatch left = new CountDownLatch(1);
        schedule(
                () -> {
                    left(member, locked ? id : 0);
                    left.countDown();
                },
                0);
        handover.await(left);
        runs.values().forEach(PartitionRun::lose);
        runs.clear();
    }

    private void left(Membership member, int id) {
        pin.release(member);
        try {
            if (id != 0) {
                database.query(connection -> {
                    database.instances.delete(connection, id);
                    database.control.send(connection, Signals.MEMBERS);
                    return true;
                });
            }
        } catch (RuntimeException e) {
            log.debug("durable.leave-failed: {}", e.getMessage());
        }
    }

    /** A handler on the calling thread stops its own process, so the stop does not wait for it. */
    void exemptCaller() {
        runs.values().stream().filter(PartitionRun::isOnThisThread).forEach(PartitionRun::exempt);
    }

    /** Gives the partitions of a subscription up, and waits until they are. */
    void release(String subscription, Duration limit) {
        Membership member = membership;
        if (member != null) {
            new Handover(member, limit, clock).release(runs(subscription));
        }
    }

    /** Ends the timer, and releases what an unfinished stop has left open. */
    void close() {
        timer.shutdownNow();
        Membership member = membership;
        try {
            if (member != null && timer.awaitTermination(TIMER_END.toMillis(), TimeUnit.MILLISECONDS)) {
                pin.release(member);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
