package io.synckit.postgres.internal.durable;

import io.synckit.Instrumentation;
import io.synckit.InvalidVersionException;
import io.synckit.StoredEvent;
import io.synckit.Version;
import io.synckit.postgres.internal.durable.HandlerCalls.Handler;
import io.synckit.postgres.internal.runtime.Clock;
import io.synckit.postgres.internal.sql.PartitionClaims.Claim;
import io.synckit.postgres.internal.sql.SubscriptionTable;
import io.synckit.subscription.DurableOptions;
import io.synckit.subscription.DurableStatus;
import io.synckit.subscription.DurableSubscription;
import io.synckit.subscription.LiveSubscription.Lag;
import io.synckit.subscription.ParkedKey;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Semaphore;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** A durable subscription in this process. Thread-safe. */
final class DurableSubscriber implements DurableSubscription {

    private final DurableOptions options;
    private final DurableLog log;
    private final Database database;
    private final Coordinator coordinator;
    private final Clock clock;
    private final PositionWatch positions;
    private final PositionAnswers answers;
    private final DurableOperator operator;
    private final Consumer<DurableSubscriber> onClose;
    private final List<Counters> counters = new ArrayList<>();
    private final List<HandlerCalls> calls = new ArrayList<>();

    DurableSubscriber(
            DurableOptions options,
            Handler handler,
            DurableLog log,
            Database database,
            Coordinator coordinator,
            Instrumentation instrumentation,
            Duration stopTimeout,
            Clock clock,
            Consumer<DurableSubscriber> onClose) {
        this.options = options;
        this.log = log;
        this.database = database;
        this.coordinator = coordinator;
        this.clock = clock;
        this.positions = new PositionWatch(options, database, coordinator, clock);
        this.answers = new PositionAnswers(options.name(), coordinator, clock);
        this.operator = new DurableOperator(options.name(), database, coordinator, stopTimeout, clock);
        this.onClose = onClose;
        for (int partition = 0; partition < options.partitions(); partition++) {
            counters.add(new Counters());
            calls.add(new HandlerCalls(options, partition, handler, instrumentation, clock));
        }
    }

    /**
     * Creates the run of a claimed partition.
     *
     * @param afterDeath whether a former owner has died, perhaps because of an event
     */
    PartitionRun run(Claim claim, boolean afterDeath, Semaphore carefulPermit, PartitionHost host) {
        int number = claim.id().partition();
        long replayUntil = database.query(connection -> database.subscriptions.find(connection, name()))
                .map(SubscriptionTable.Row::replayUntil)
                .orElse(0L);
        calls.get(number).replayUntil(replayUntil);
        counters.get(number).claims.increment();
        OwnedPartition partition = new OwnedPartition(
                claim, options, database, log, calls.get(number), counters.get(number), clock, this::progressed);
        ParkedKeys keys = new ParkedKeys(partition, afterDeath);
        CarefulMode careful = new CarefulMode(partition, afterDeath, carefulPermit);
        return new PartitionRun(partition, keys, new MainFlow(claim, partition, keys, careful), careful, host);
    }

    private void progressed() {
        coordinator.moved();
        positions.progressed();
        answers.progressed();
    }

    /** Events were published. Wakes the partitions if one may match, or if another process waits. Returns whether one may match. */
    boolean wake(List<StoredEvent> events) {
        boolean mayMatch = events.stream().anyMatch(log::mayAccept);
        if (mayMatch || answers.isAwaited()) {
            coordinator.runs(name()).forEach(PartitionRun::wake);
        }
        return mayMatch;
    }

    /** Discards the events that were read from a former server or log. */
    void discardRead() {
        log.forgetPages();
        coordinator.runs(name()).forEach(PartitionRun::discardRead);
    }

    /** Another process waits for a version. */
    void awaited(long version) {
        answers.awaited(version);
    }

    /** Another process has stored a position that is waited for. */
    void answered() {
        positions.answered();
    }

    @Override
    public DurableOptions options() {
        return options;
    }

    @Override
    public DurableStatus status() {
        return operator.status();
    }

    @Override
    public List<PartitionActivity> activity() {
        @Nullable PartitionActivity[] all = new @Nullable PartitionActivity[options.partitions()];
        for (PartitionRun run : coordinator.runs(name())) {
            all[run.partition().id().partition()] = run.partition().activity();
        }
        List<PartitionActivity> activities = new ArrayList<>();
        for (int number = 0; number < all.length; number++) {
            PartitionActivity owned = all[number];
            activities.add(
                    owned != null
                            ? owned
                            : new PartitionActivity(
                                    number,
                                    Version.ZERO,
                                    State.NOT_OWNED,
                                    "",
                                    Lag.NONE,
                                    calls.get(number).runs(),
                                    counters.get(number).now()));
        }
        return activities;
    }

    @Override
    public Outcome await(Version version, Duration timeout) throws InterruptedException {
        return positions.await(version.value(), null, timeout);
    }

    @Override
    public Outcome await(Version version, String key, Duration timeout) throws InterruptedException {
        return positions.await(version.value(), key, timeout);
    }

    @Override
    public void pause() throws InterruptedException {
        operator.pause();
    }

    @Override
    public void resume() {
        operator.resume();
    }

    @Override
    public void moveTo(Version expected, Version to) throws InvalidVersionException {
        operator.moveTo(expected, to);
    }

    @Override
    public void replay(Version from, Runnable action) {
        operator.replay(from, action);
    }

    @Override
    public List<ParkedKey> parked(int limit) {
        return operator.parked(limit);
    }

    @Override
    public boolean requeue(String key) {
        return operator.requeue(key) > 0;
    }

    @Override
    public int requeueAll() {
        return operator.requeue(null);
    }

    @Override
    public boolean skip(String key) {
        return operator.skip(key);
    }

    @Override
    public boolean discard(String key) {
        return operator.discard(key);
    }

    @Override
    public void close() {
        onClose.accept(this);
    }

    @Override
    public String toString() {
        return options.toString();
    }
}
