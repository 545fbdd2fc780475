package io.synckit.postgres.testing;

import io.synckit.Event;
import io.synckit.postgres.Config;
import io.synckit.postgres.PostgresEventStore;
import io.synckit.postgres.notification.NotificationListenerBuilder;
import io.synckit.subscription.DurableOptions;
import io.synckit.subscription.DurableSubscription;
import io.synckit.subscription.DurableSubscription.Outcome;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/** The processes of a test and a store beside them, which are closed before their database is dropped. */
public final class DurableProcesses {

    private static final Duration LONG = Duration.ofMinutes(4);

    private final TestDatabase database;
    private final List<DurableProcess> started = new ArrayList<>();
    private @Nullable PostgresEventStore store;

    public DurableProcesses(TestDatabase database) {
        this.database = database;
        database.beforeDrop(this::close);
    }

    /** Returns the store of the test. */
    public PostgresEventStore store() {
        if (store == null) {
            store = PostgresEventStore.on(database.pool(), Config.defaults());
        }
        return store;
    }

    /** Stores an event. */
    public void store(String aggregateId, Object data) {
        store().store(Event.of(aggregateId, "T", data));
    }

    /** Waits until all stored events are handled, or one is parked. */
    public Outcome await(DurableSubscription subscription) throws InterruptedException {
        return subscription.await(store().latestVersion(), LONG);
    }

    public DurableProcess start() {
        return start(builder -> builder);
    }

    public DurableProcess start(UnaryOperator<NotificationListenerBuilder> settings) {
        DurableProcess process = new DurableProcess(database, settings);
        started.add(process);
        return process;
    }

    /** Starts a process whose handler always fails. */
    public DurableProcess startFailing(DurableOptions options) {
        DurableProcess process = start();
        process.subscriptions().durable(options, (event, context) -> {
            throw new IllegalStateException("on purpose");
        });
        return process;
    }

    private void close() {
        started.forEach(DurableProcess::close);
        if (store != null) {
            store.close();
        }
    }
}
