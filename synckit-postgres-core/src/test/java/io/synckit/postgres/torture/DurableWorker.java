package io.synckit.postgres.torture;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import io.synckit.ConnectionSource;
import io.synckit.StoredEvent;
import io.synckit.postgres.JsonCodecs;
import io.synckit.postgres.notification.NotificationListener;
import io.synckit.subscription.DurableOptions;
import io.synckit.subscription.DurableOptions.Delivery;
import io.synckit.subscription.EventContext;
import io.synckit.subscription.StartFrom;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.time.Duration;
import org.postgresql.ds.PGSimpleDataSource;

/** A process of {@link DurableTorture}: keeps account balances by a durable subscription. Ends in order when its input ends. */
public final class DurableWorker {

    static final String SUBSCRIPTION = "balances";

    /** The type of the events whose handler halts the process. */
    static final String KILLING_EVENT = "Killing";

    /** Neither idempotent nor commutative: a repeated or lost event is seen in the amount, a wrong order in the last version. */
    private static final String APPLY = """
            insert into balances (account, amount, last_version, in_order) values (?, ?, ?, true)
            on conflict (account) do update set amount = balances.amount + excluded.amount, last_version = excluded.last_version,
                in_order = balances.in_order and balances.last_version < excluded.last_version
            """;

    private static final String COUNT = "insert into deliveries (version, account) values (?, ?)";

    private final ConnectionSource connections;
    private final Delivery delivery;
    private final Path outage;

    private DurableWorker(ConnectionSource connections, Delivery delivery, Path outage) {
        this.connections = connections;
        this.delivery = delivery;
        this.outage = outage;
    }

    public static void main(String[] args) throws Exception {
        String url = args[0];
        Delivery delivery = Delivery.valueOf(args[1]);
        int partitions = Integer.parseInt(args[2]);
        String name = args[3];
        HikariConfig config = new HikariConfig();
        config.setJdbcUrl(url + "&ApplicationName=" + name);
        config.setMaximumPoolSize(6);
        config.setConnectionTimeout(3000);
        config.setInitializationFailTimeout(-1);
        PGSimpleDataSource physical = new PGSimpleDataSource();
        physical.setUrl(url + "&ApplicationName=" + name + "-listener");
        try (HikariDataSource pool = new HikariDataSource(config)) {
            ConnectionSource connections = ConnectionSource.of(pool);
            DurableWorker worker = new DurableWorker(connections, delivery, Path.of(args[4]));
            try (NotificationListener listener = NotificationListener.builder(
                            physical, connections, JsonCodecs.jackson())
                    .processName(name)
                    .ownerTimeout(Duration.ofSeconds(3))
                    .withReconnectSettings(Duration.ofMillis(200), 10)
                    .closeTimeout(Duration.ofSeconds(5))
                    .build()) {
                listener.start();
                start(listener, delivery, partitions, worker);
                System.out.println("ready");
                while (System.in.read() >= 0) {
                    Thread.onSpinWait();
                }
            }
        }
    }

    private static void start(NotificationListener listener, Delivery delivery, int partitions, DurableWorker worker)
            throws InterruptedException {
        DurableOptions options = DurableOptions.named(SUBSCRIPTION)
                .startFrom(StartFrom.beginning())
                .partitions(partitions)
                .delivery(delivery);
        while (true) {
            try {
                listener.subscriptions().durable(options, worker::handle);
                return;
            } catch (RuntimeException e) {
                System.out.println("not started, which is retried: " + e);
                Thread.sleep(200); // the server is being restarted
            }
        }
    }

    private void handle(StoredEvent event, EventContext context) throws Exception {
        if (event.type().equals(KILLING_EVENT)) {
            Runtime.getRuntime().halt(1);
        }
        if (Files.exists(outage)) {
            throw new IllegalStateException("an outage");
        }
        try (var borrowed = connections.borrow()) {
            Connection connection = borrowed.connection();
            if (delivery == Delivery.EXACTLY_ONCE) {
                try (PreparedStatement apply = connection.prepareStatement(APPLY)) {
                    apply.setString(1, event.aggregateId());
                    apply.setLong(2, event.dataAs(Long.class));
                    apply.setLong(3, event.version().value());
                    apply.executeUpdate();
                }
            } else {
                try (PreparedStatement count = connection.prepareStatement(COUNT)) {
                    count.setLong(1, event.version().value());
                    count.setString(2, event.aggregateId());
                    count.executeUpdate();
                }
            }
        }
    }
}
