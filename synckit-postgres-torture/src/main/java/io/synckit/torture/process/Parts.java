package io.synckit.torture.process;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import io.synckit.ConnectionSource;
import io.synckit.postgres.JsonCodecs;
import io.synckit.postgres.notification.NotificationListener;
import io.synckit.postgres.notification.NotificationListenerBuilder;
import java.time.Duration;
import java.util.function.Supplier;
import org.postgresql.ds.PGSimpleDataSource;

/** What the processes are made of. */
final class Parts {

    private static final int CONNECTION_TIMEOUT = 3000;

    private Parts() {}

    static HikariDataSource pool(String url, String name, int connections) {
        HikariConfig config = new HikariConfig();
        config.setJdbcUrl(url + "&ApplicationName=" + name);
        config.setMaximumPoolSize(connections);
        config.setConnectionTimeout(CONNECTION_TIMEOUT);
        config.setInitializationFailTimeout(-1);
        return new HikariDataSource(config);
    }

    /** Starts a subscription, again and again as long as the server cannot be used. */
    static <S> S started(Supplier<S> start) {
        while (true) {
            try {
                return start.get();
            } catch (RuntimeException e) {
                System.err.println("not started, which is retried: " + e);
                Pause.millis(200);
            }
        }
    }

    /** Returns a listener that never gives up, and whose process counts as dead after three seconds of silence. */
    static NotificationListenerBuilder listener(String url, String name, ConnectionSource connections) {
        PGSimpleDataSource physical = new PGSimpleDataSource();
        physical.setUrl(url + "&ApplicationName=" + name + "-listener");
        return NotificationListener.builder(physical, connections, JsonCodecs.jackson())
                .processName(name)
                .withNotificationTimeout(Duration.ofSeconds(12))
                .ownerTimeout(Duration.ofSeconds(3))
                .withReconnectSettings(Duration.ofMillis(200), 1000)
                .closeTimeout(Duration.ofSeconds(5));
    }
}
