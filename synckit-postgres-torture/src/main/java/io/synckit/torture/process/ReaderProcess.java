package io.synckit.torture.process;

import com.zaxxer.hikari.HikariDataSource;
import io.synckit.ConnectionSource;
import io.synckit.StoredEvent;
import io.synckit.Version;
import io.synckit.postgres.notification.NotificationListener;
import io.synckit.postgres.notification.NotificationListenerBuilder;
import io.synckit.postgres.schema.NotifyMode;
import io.synckit.subscription.LiveOptions;
import io.synckit.subscription.LiveSubscription;
import java.nio.file.Path;
import java.time.Duration;

/** A process with a live subscription, which records each event. */
public final class ReaderProcess {

    private ReaderProcess() {}

    /** @param args URL of the pool, URL of the listener, name, history file, version after which it reads, and whether it polls */
    public static void main(String[] args) throws Exception {
        HistoryFile history = new HistoryFile(Path.of(args[3]));
        Version since = Version.parse(args[4]);
        try (HikariDataSource pool = Parts.pool(args[0], args[2], 4)) {
            NotificationListenerBuilder builder = Parts.listener(args[1], args[2], ConnectionSource.of(pool));
            if (Boolean.parseBoolean(args[5])) {
                builder.notifyMode(NotifyMode.OFF).withNotificationTimeout(Duration.ofMillis(100));
            }
            try (NotificationListener listener = builder.build()) {
                listener.start();
                LiveSubscription subscription = start(listener, since, history);
                Orders.serve((version, limit) -> await(subscription, version, limit));
            }
        }
    }

    private static LiveSubscription start(NotificationListener listener, Version since, HistoryFile history) {
        history.write("from", since);
        LiveOptions options = LiveOptions.named("reader").from(since);
        return Parts.started(() -> listener.subscriptions().live(options, event -> record(history, event)));
    }

    /** A subscription that has ended reaches nothing. */
    private static boolean await(LiveSubscription subscription, long version, Duration limit) {
        return Pause.until(
                        limit,
                        () -> !subscription.isActive()
                                || subscription.position().value() >= version)
                && subscription.isActive();
    }

    private static void record(HistoryFile history, StoredEvent event) {
        history.write("event", event.version(), event.id(), event.aggregateId(), event.type(), event.dataJson());
    }
}
