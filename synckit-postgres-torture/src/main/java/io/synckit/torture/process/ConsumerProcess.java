package io.synckit.torture.process;

import com.zaxxer.hikari.HikariDataSource;
import io.synckit.ConnectionSource;
import io.synckit.EventStoreException;
import io.synckit.Filter;
import io.synckit.StoredEvent;
import io.synckit.Version;
import io.synckit.postgres.notification.NotificationListener;
import io.synckit.subscription.DurableEventHandler;
import io.synckit.subscription.DurableOptions;
import io.synckit.subscription.DurableOptions.Delivery;
import io.synckit.subscription.DurableSubscription;
import io.synckit.subscription.DurableSubscription.Outcome;
import io.synckit.subscription.StartFrom;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.time.Duration;
import java.util.concurrent.ThreadLocalRandom;

/** A process with two durable subscriptions: an exactly-once one that keeps account balances, and an at-least-once one that records events. */
public final class ConsumerProcess {

    /** The type of the events whose handler halts the process. */
    public static final String KILLING = "Killing";

    /** How long a call has run when its handler halts the process. Positions are stored more often than this. */
    private static final int CALL_MILLIS = 300;

    static final String BOOKED = "Booked";

    private static final Duration RETRY = Duration.ofMillis(200);

    /** Neither idempotent nor commutative: a repeated or lost event is seen in the amount, a wrong order in the last version. */
    private static final String APPLY = """
            insert into balances (account, amount, last_version, in_order) values (?, ?, ?, true)
            on conflict (account) do update set amount = balances.amount + excluded.amount, last_version = excluded.last_version,
                in_order = balances.in_order and balances.last_version < excluded.last_version
            """;

    private final ConnectionSource connections;
    private final HistoryFile history;
    private final Path outage;
    private final Path death;

    private ConsumerProcess(ConnectionSource connections, HistoryFile history, Path outage, Path death) {
        this.connections = connections;
        this.history = history;
        this.outage = outage;
        this.death = death;
    }

    /**
     * @param args URL of the pool, URL of the listener, name, history file, partitions, the file that is there during an outage, and the file
     *     that is there until a handler halts its process
     */
    public static void main(String[] args) throws Exception {
        int partitions = Integer.parseInt(args[4]);
        try (HikariDataSource pool = Parts.pool(args[0], args[2], 6)) {
            ConnectionSource connections = ConnectionSource.of(pool);
            ConsumerProcess process = new ConsumerProcess(
                    connections, new HistoryFile(Path.of(args[3])), Path.of(args[5]), Path.of(args[6]));
            try (NotificationListener listener =
                    Parts.listener(args[1], args[2], connections).build()) {
                listener.start();
                DurableSubscription balances = start(
                        listener,
                        options("balances", partitions).delivery(Delivery.EXACTLY_ONCE),
                        (event, context) -> process.apply(event));
                DurableSubscription deliveries = start(
                        listener,
                        options("deliveries", partitions).filter(Filter.types(BOOKED)),
                        (event, context) -> process.record(event));
                Orders.serve((version, limit) -> {
                    long end = System.nanoTime() + limit.toNanos();
                    return isHandled(balances, version, limit)
                            && isHandled(deliveries, version, Duration.ofNanos(Math.max(1, end - System.nanoTime())));
                });
            }
        }
    }

    private static DurableOptions options(String name, int partitions) {
        return DurableOptions.named(name).startFrom(StartFrom.beginning()).partitions(partitions);
    }

    private static DurableSubscription start(
            NotificationListener listener, DurableOptions options, DurableEventHandler handler) {
        return Parts.started(() -> listener.subscriptions().durable(options, handler));
    }

    /** A killing event is parked, which is no reason to wait. The log says what is missing, because the database is gone after the round. */
    private static boolean isHandled(DurableSubscription subscription, long version, Duration limit)
            throws InterruptedException {
        long end = System.nanoTime() + limit.toNanos();
        while (true) {
            Duration rest = Duration.ofNanos(Math.max(1, end - System.nanoTime()));
            try {
                if (subscription.await(Version.of(version), rest) != Outcome.TIMEOUT) {
                    return true;
                }
                System.err.println("not handled up to " + version + ": " + subscription.status() + " "
                        + subscription.parked(20) + " " + subscription.activity());
                return false;
            } catch (EventStoreException e) {
                // A pool may need some time after the last fault.
                System.err.println("not known whether events up to " + version + " are handled: " + e);
                if (System.nanoTime() > end) {
                    return false;
                }
                Thread.sleep(RETRY.toMillis());
            }
        }
    }

    private void apply(StoredEvent event) throws SQLException {
        if (event.type().equals(KILLING)) {
            Runtime.getRuntime().halt(1);
        }
        failDuringOutage();
        takeTime();
        try (ConnectionSource.Borrowed borrowed = connections.borrow()) {
            Connection connection = borrowed.connection();
            try (PreparedStatement apply = connection.prepareStatement(APPLY);
                    PreparedStatement count =
                            connection.prepareStatement("insert into applied (version, account) values (?, ?)")) {
                apply.setString(1, event.aggregateId());
                apply.setLong(2, event.dataAs(Long.class));
                apply.setLong(3, event.version().value());
                apply.executeUpdate();
                count.setLong(1, event.version().value());
                count.setString(2, event.aggregateId());
                count.executeUpdate();
            }
        }
    }

    private void record(StoredEvent event) throws IOException {
        failDuringOutage();
        dieIfDue();
        takeTime();
        history.write("handled", event.version(), event.aggregateId());
    }

    /** Some calls take long enough to be hit by a fault. */
    private static void takeTime() {
        if (ThreadLocalRandom.current().nextInt(20) == 0) {
            Pause.millis(ThreadLocalRandom.current().nextInt(200));
        }
    }

    private void failDuringOutage() {
        if (Files.exists(outage)) {
            throw new IllegalStateException("an outage");
        }
    }

    /** One process removes the file, and halts. */
    private void dieIfDue() throws IOException {
        if (Files.deleteIfExists(death)) {
            Pause.millis(CALL_MILLIS);
            Runtime.getRuntime().halt(1);
        }
    }
}
