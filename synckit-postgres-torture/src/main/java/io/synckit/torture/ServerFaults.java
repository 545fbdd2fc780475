package io.synckit.torture;

import io.synckit.torture.process.Pause;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Objects;

/** Faults of the server. */
final class ServerFaults {

    private static final double NEARLY_FULL = 0.95;

    /** Time in which a server recovers by itself. */
    private static final Duration RECOVERS = Duration.ofSeconds(10);

    private final Stage stage;

    ServerFaults(Stage stage) {
        this.stage = stage;
    }

    void terminateSessions() throws SQLException {
        stage.server.query("select count(pg_terminate_backend(pid)) from pg_stat_activity"
                + " where application_name ~ '^(writer|reader|polling|consumer)' and random() < 0.5");
    }

    void loseListeners() throws SQLException {
        stage.server.query("select count(pg_terminate_backend(pid)) from pg_stat_activity"
                + " where application_name like '%-listener'");
    }

    /** @param signal how the server stops */
    void restart(String signal) throws Exception {
        stage.server.stop(signal);
        stage.server.start();
    }

    /** The last versions before the crash belong to transactions that rolled back, so the server forgets them. */
    void crash() throws Exception {
        List<Child> writers = stage.children.of(Role.WRITER);
        for (Child writer : writers) {
            writer.suspend();
        }
        // Open transactions would hold the horizon below the versions that follow.
        stage.server.query("select count(pg_terminate_backend(pid, 1000)) from pg_stat_activity"
                + " where application_name like 'writer%'");
        endOldPreparedTransactions(0);
        try (Connection connection = stage.server.connect();
                Statement statement = connection.createStatement()) {
            connection.setAutoCommit(false);
            statement.execute("insert into synckit.events (id, aggregate_id, event_type, data)"
                    + " select 'undone-' || n, 'undone', 'Booked', to_jsonb(n) from generate_series(1, 40) n");
            connection.rollback();
        }
        Pause.millis(400);
        restart("QUIT");
        for (Child writer : writers) {
            writer.resume();
        }
    }

    void killPooler() throws Exception {
        Objects.requireNonNull(stage.pooler).kill(stage.between(0, 3000));
    }

    void suspend() throws Exception {
        stage.server.signalAll("STOP");
        Pause.millis(stage.between(1000, 6000));
        stage.server.signalAll("CONT");
    }

    /** The server recovers when there is room again. It is restarted if it has ended. */
    void fillDisk() throws Exception {
        Path ballast = stage.data.resolve("ballast");
        byte[] block = new byte[1 << 16];
        try (OutputStream out = Files.newOutputStream(ballast)) {
            while (true) {
                out.write(block);
            }
        } catch (IOException e) {
            // The file system is full.
        }
        Pause.millis(stage.between(1000, 4000));
        Files.delete(ballast);
        while (!Pause.until(RECOVERS, stage.server::isRunning)) {
            restart("QUIT");
        }
    }

    void useAllConnections() throws SQLException {
        List<Connection> taken = new ArrayList<>();
        try {
            while (true) {
                taken.add(stage.server.connect());
            }
        } catch (SQLException e) {
            // There are no more.
        }
        Pause.millis(stage.between(1000, 4000));
        for (Connection connection : taken) {
            connection.close();
        }
    }

    void longTransaction() throws SQLException {
        try (Connection connection = stage.server.connect();
                Statement statement = connection.createStatement()) {
            connection.setAutoCommit(false);
            statement.execute("create table unrelated_" + Math.abs(stage.random.nextInt()) + " (n int)");
            Pause.millis(stage.between(2000, 6000));
            connection.rollback();
        }
    }

    /** A session that listens, but never ends its transaction, keeps the queue from being emptied. */
    void fillQueue() throws SQLException {
        try (Connection idle = stage.server.connect();
                Statement listening = idle.createStatement();
                Connection connection = stage.server.connect();
                Statement notifying = connection.createStatement()) {
            listening.execute("listen torture");
            idle.setAutoCommit(false);
            listening.execute("select 1");
            String message = "x".repeat(7000);
            while (usage() < NEARLY_FULL) {
                notifying.execute("notify torture, '" + message + "'");
            }
            Pause.millis(stage.between(2000, 6000));
            idle.rollback();
        }
    }

    private double usage() throws SQLException {
        return Double.parseDouble(String.valueOf(stage.server.query("select pg_notification_queue_usage()")));
    }

    /** Ends transactions that were prepared by writers that are not there any more. */
    void endOldPreparedTransactions(int olderThanSeconds) throws SQLException {
        while (true) {
            String name = stage.server.query("select gid from pg_prepared_xacts where prepared < now() - interval '"
                    + olderThanSeconds + " seconds' limit 1");
            if (name == null) {
                return;
            }
            String how = stage.random.nextBoolean() ? "commit" : "rollback";
            try {
                stage.server.execute(String.format(Locale.ROOT, "%s prepared '%s'", how, name));
            } catch (SQLException e) {
                // Its writer has ended it.
            }
        }
    }
}
