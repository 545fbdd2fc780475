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
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CyclicBarrier;

/** Transactions of a time without faults, which show whether readers need more than notifications. */
public final class Bursts {

    private static final int TRANSACTIONS = 12;

    private final String url;
    private final HistoryFile history;
    private int count;

    /** @param directory of the history */
    public Bursts(String url, Path directory) throws IOException {
        this.url = url;
        this.history = new HistoryFile(directory.resolve("writer-bursts.history"));
    }

    /** Transactions that commit at the same time. */
    public void burst() throws InterruptedException {
        CyclicBarrier together = new CyclicBarrier(TRANSACTIONS);
        List<Thread> threads = new ArrayList<>();
        for (int i = 0; i < TRANSACTIONS; i++) {
            threads.add(start(false, together));
        }
        for (Thread thread : threads) {
            thread.join();
        }
    }

    /** While a transaction that has issued NOTIFY takes long to fail, another one relies on it. */
    public void lostNotification() throws Exception {
        Thread failing = start(true, new CyclicBarrier(1));
        try (Connection connection = DriverManager.getConnection(url);
                Statement statement = connection.createStatement()) {
            while (true) {
                try (ResultSet rows = statement.executeQuery(
                        "select count(*) from pg_stat_activity where wait_event = 'PgSleep' and query ilike 'commit%'")) {
                    rows.next();
                    if (rows.getInt(1) > 0 || !failing.isAlive()) {
                        break;
                    }
                }
            }
        }
        start(false, new CyclicBarrier(1)).join();
        failing.join();
    }

    private Thread start(boolean fails, CyclicBarrier together) {
        String operation = "burst-" + ++count;
        Thread thread = new Thread(() -> store(operation, fails, together), operation);
        thread.start();
        return thread;
    }

    private void store(String operation, boolean fails, CyclicBarrier together) {
        Event event = Event.of(operation, ConsumerProcess.BOOKED, 1L).withId(operation + ".0");
        history.write("start", operation, "sql", event.id() + '|' + operation + '|' + event.type() + "|1");
        try (Connection connection = DriverManager.getConnection(url)) {
            connection.setAutoCommit(false);
            together.await();
            String version = SqlWrites.insert(connection, event).toString();
            if (fails) {
                try (PreparedStatement insert = connection.prepareStatement("insert into failing values (1)")) {
                    insert.executeUpdate();
                }
            }
            connection.commit();
            history.write("committed", operation, version);
        } catch (SQLException e) {
            history.write(
                    fails ? "rejected" : "unknown", operation, e.getMessage().replaceAll("\\s+", " "));
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }
}
