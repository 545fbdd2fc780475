package io.synckit.benchmarks;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import io.synckit.postgres.Config;
import io.synckit.postgres.RealtimeEventStore;
import io.synckit.postgres.notification.LiveOptions;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.postgresql.PGConnection;
import org.postgresql.PGNotification;
import org.postgresql.ds.PGSimpleDataSource;

/**
 * Another process that listens: our live subscriptions, and a bare LISTEN in the driver. It writes down when each event reached its
 * handler (the machine's monotonic clock, which all processes share), and tells on request.
 */
final class ListenerProcess {

    private static final Map<String, Long> ARRIVALS = new ConcurrentHashMap<>();

    private ListenerProcess() {}

    /** @param arguments URL, schema, how many streams to subscribe to (0: to all events) */
    public static void main(String[] arguments) throws Exception {
        String url = arguments[0];
        int streams = Integer.parseInt(arguments[2]);
        Thread bare = new Thread(() -> listen(url), "bare");
        bare.setDaemon(true);
        bare.start();
        try (HikariDataSource pool = pool(url);
                RealtimeEventStore store = RealtimeEventStore.on(
                        pool,
                        physical(url),
                        Config.builder().schema(arguments[1]).build())) {
            while (!store.isListenerConnected()) {
                Thread.sleep(10);
            }
            if (streams == 0) {
                store.subscribe(LiveOptions.all(), event -> ARRIVALS.put(event.id(), System.nanoTime()));
            } else {
                System.out.println("heap " + subscribe(store, streams));
            }
            System.out.println("ready");
            serve();
        }
    }

    private static long subscribe(RealtimeEventStore store, int streams) {
        List<String> keys = new ArrayList<>();
        for (int i = 0; i < streams; i++) {
            keys.add("stream-" + i);
        }
        store.subscribe(LiveOptions.stream("warm-up"), event -> {}).close();
        long before = usedHeap();
        for (String key : keys) {
            store.subscribe(LiveOptions.stream(key), event -> ARRIVALS.put(event.id(), System.nanoTime()));
        }
        return (usedHeap() - before) / streams;
    }

    private static long usedHeap() {
        for (int i = 0; i < 3; i++) {
            System.gc();
        }
        return ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed();
    }

    private static void serve() throws IOException {
        BufferedReader requests = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        String request;
        while ((request = requests.readLine()) != null) {
            if (request.equals("report")) {
                ARRIVALS.forEach((id, time) -> System.out.println(id + " " + time));
                ARRIVALS.clear();
                System.out.println("end");
            }
        }
    }

    private static void listen(String url) {
        try (Connection connection = DriverManager.getConnection(url);
                Statement statement = connection.createStatement()) {
            statement.execute("listen bare");
            PGConnection driver = connection.unwrap(PGConnection.class);
            while (true) {
                PGNotification[] notifications = driver.getNotifications(10_000);
                if (notifications != null) {
                    for (PGNotification notification : notifications) {
                        ARRIVALS.put(notification.getParameter(), System.nanoTime());
                    }
                }
            }
        } catch (SQLException e) {
            System.err.println("bare: " + e.getMessage());
        }
    }

    private static HikariDataSource pool(String url) {
        HikariConfig config = new HikariConfig();
        config.setJdbcUrl(url);
        config.setMaximumPoolSize(4);
        return new HikariDataSource(config);
    }

    private static PGSimpleDataSource physical(String url) {
        PGSimpleDataSource dataSource = new PGSimpleDataSource();
        dataSource.setUrl(url);
        return dataSource;
    }
}
