package io.synckit.benchmarks.contenders;

import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.function.Consumer;
import org.postgresql.PGConnection;
import org.postgresql.PGNotification;

/** A bare LISTEN: passes each notification to a consumer. */
final class Notifications implements Contender.Following {

    private static final int WAIT = 100;

    private final Connection connection;
    private final Thread thread;
    private volatile boolean open = true;

    private Notifications(Connection connection, Consumer<String> payloads) {
        this.connection = connection;
        this.thread = new Thread(() -> run(payloads), "notifications");
    }

    static Notifications listen(Database database, String channel, Consumer<String> payloads) throws SQLException {
        Connection connection = database.connect();
        try (Statement statement = connection.createStatement()) {
            statement.execute("listen " + channel);
        }
        Notifications notifications = new Notifications(connection, payloads);
        notifications.thread.start();
        return notifications;
    }

    private void run(Consumer<String> payloads) {
        try {
            PGConnection driver = connection.unwrap(PGConnection.class);
            while (open) {
                PGNotification[] notifications = driver.getNotifications(WAIT);
                if (notifications != null) {
                    for (PGNotification notification : notifications) {
                        payloads.accept(notification.getParameter());
                    }
                }
            }
        } catch (SQLException e) {
            throw new IllegalStateException(e);
        }
    }

    @Override
    public void close() {
        open = false;
        Threads.join(thread);
        try {
            connection.close();
        } catch (SQLException e) {
            throw new IllegalStateException(e);
        }
    }
}
