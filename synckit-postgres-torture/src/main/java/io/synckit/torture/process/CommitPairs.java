package io.synckit.torture.process;

import io.synckit.Event;
import java.io.IOException;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;

/** Pairs of transactions that overlap in their commit phase, at a time without faults. They show whether readers need more than notifications. */
public final class CommitPairs {

    private static final Duration COMMIT_PHASE = Duration.ofSeconds(10);
    private static final String IN_COMMIT_PHASE =
            "select count(*) > 0 from pg_stat_activity where wait_event = 'PgSleep' and query ilike 'commit%'";

    private final String url;
    private final HistoryFile history;
    private int count;

    /** @param directory of the history */
    public CommitPairs(String url, Path directory) throws IOException {
        this.url = url;
        this.history = new HistoryFile(directory.resolve("writer-pairs.history"));
    }

    /**
     * The second transaction issues no NOTIFY, because the first one has the doorbell lock. It commits after the notification of the first
     * one has arrived.
     */
    public void commitAfterNotification() throws Exception {
        Thread first = start(0.4, false);
        awaitCommitPhase(first);
        Thread second = start(0.8, false);
        first.join();
        second.join();
    }

    /** The second transaction issues no NOTIFY, because the first one has the doorbell lock. Then the first one fails. */
    public void lostNotification() throws Exception {
        Thread failing = start(0.6, true);
        awaitCommitPhase(failing);
        start(0, false).join();
        failing.join();
    }

    private Thread start(double seconds, boolean fails) {
        String operation = "pair-" + ++count;
        Thread thread = new Thread(() -> store(operation, seconds, fails), operation);
        thread.start();
        return thread;
    }

    /** Waits until the transaction has taken the doorbell lock. */
    private void awaitCommitPhase(Thread transaction) throws SQLException {
        try (Connection connection = DriverManager.getConnection(url);
                Statement statement = connection.createStatement()) {
            Pause.until(COMMIT_PHASE, () -> !transaction.isAlive() || isTrue(statement.executeQuery(IN_COMMIT_PHASE)));
        }
    }

    private static boolean isTrue(ResultSet rows) throws SQLException {
        try (rows) {
            return rows.next() && rows.getBoolean(1);
        }
    }

    private void store(String operation, double seconds, boolean fails) {
        Event event = Event.of(operation, ConsumerProcess.BOOKED, 1L).withId(operation + ".0");
        history.write("start", operation, "sql", event.id() + '|' + operation + '|' + event.type() + "|1");
        try (Connection connection = DriverManager.getConnection(url);
                PreparedStatement insert = connection.prepareStatement("insert into slow_commits values (?, ?)")) {
            connection.setAutoCommit(false);
            String version = SqlWrites.insert(connection, event).toString();
            insert.setDouble(1, seconds);
            insert.setBoolean(2, fails);
            insert.executeUpdate();
            connection.commit();
            history.write("committed", operation, version);
        } catch (SQLException e) {
            history.write(
                    fails ? "rejected" : "unknown", operation, e.getMessage().replaceAll("\\s+", " "));
        }
    }
}
