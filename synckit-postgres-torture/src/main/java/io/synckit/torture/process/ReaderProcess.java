package io.synckit.torture.process;

import com.zaxxer.hikari.HikariDataSource;
import io.synckit.ConnectionSource;
import io.synckit.HistoryChangedException;
import io.synckit.StoredEvent;
import io.synckit.Version;
import io.synckit.postgres.notification.NotificationListener;
import io.synckit.postgres.notification.NotificationListenerBuilder;
import io.synckit.postgres.schema.NotifyMode;
import io.synckit.subscription.LiveNotice;
import io.synckit.subscription.LiveOptions;
import io.synckit.subscription.LiveSubscription;
import java.nio.file.Path;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/** A process with a live subscription, which records each event. */
public final class ReaderProcess {

    private final NotificationListener listener;
    private final HistoryFile history;
    private volatile @Nullable LiveSubscription subscription;

    private ReaderProcess(NotificationListener listener, HistoryFile history) {
        this.listener = listener;
        this.history = history;
    }

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
                ReaderProcess process = new ReaderProcess(listener, history);
                process.startAfter(since);
                Orders.serve(process::await);
            }
        }
    }

    private void startAfter(Version since) {
        history.write("from", since);
        LiveOptions options = LiveOptions.named("reader").from(since).onNotice(this::handle);
        subscription = Parts.started(() -> listener.subscriptions().live(options, this::record));
    }

    /** After a fail-over that has lost commits, it continues where the log is unchanged. */
    private void handle(LiveNotice notice) {
        if (notice instanceof LiveNotice.Ended ended && ended.failure() instanceof HistoryChangedException changed) {
            new Thread(() -> startAfter(changed.safe()), "restart").start();
        }
    }

    private boolean await(long version, Duration limit) {
        return Pause.until(limit, () -> isActiveAt(version));
    }

    private boolean isActiveAt(long version) {
        LiveSubscription current = subscription;
        return current != null && current.isActive() && current.position().value() >= version;
    }

    private void record(StoredEvent event) {
        history.write("event", event.version(), event.id(), event.aggregateId(), event.type(), event.dataJson());
    }
}
