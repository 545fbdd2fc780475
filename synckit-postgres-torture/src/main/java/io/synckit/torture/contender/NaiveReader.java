package io.synckit.torture.contender;

import io.synckit.benchmarks.contenders.Contender;
import io.synckit.benchmarks.contenders.Database;
import io.synckit.benchmarks.contenders.Order;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.EnumSet;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;
import java.util.function.LongConsumer;

/** The obvious reader: it polls for rows above the last number that it has seen. */
final class NaiveReader implements Contender {

    private static final long POLL_NANOS = 20_000_000;

    private final Database database;

    NaiveReader(Database database) {
        this.database = database;
    }

    @Override
    public String name() {
        return "naive reader";
    }

    @Override
    public Set<Can> can() {
        return EnumSet.of(Can.READ_ALL, Can.FOLLOW);
    }

    @Override
    public void create() throws Exception {
        database.execute(
                "create table naive_events (position bigint generated always as identity primary key, n bigint)");
    }

    @Override
    public long store(Order order) throws SQLException {
        long start = System.nanoTime();
        try (Connection connection = database.pool().getConnection();
                PreparedStatement insert = connection.prepareStatement("insert into naive_events (n) values (?)")) {
            insert.setLong(1, order.data().n());
            insert.executeUpdate();
        }
        return start;
    }

    @Override
    public void readAll(LongConsumer each) throws SQLException {
        try (Connection connection = database.connect()) {
            read(connection, 0, each);
        }
    }

    private static long read(Connection connection, long since, LongConsumer each) throws SQLException {
        long last = since;
        try (PreparedStatement select = connection.prepareStatement(
                "select position, n from naive_events where position > ? order by position")) {
            select.setLong(1, since);
            try (ResultSet rows = select.executeQuery()) {
                while (rows.next()) {
                    last = rows.getLong(1);
                    each.accept(rows.getLong(2));
                }
            }
        }
        return last;
    }

    @Override
    public Following follow(LongConsumer each) {
        AtomicBoolean open = new AtomicBoolean(true);
        Thread thread = new Thread(
                () -> {
                    try (Connection connection = database.connect()) {
                        long last = 0;
                        while (open.get()) {
                            last = read(connection, last, each);
                            LockSupport.parkNanos(POLL_NANOS);
                        }
                    } catch (SQLException e) {
                        throw new IllegalStateException(e);
                    }
                },
                "naive");
        thread.setDaemon(true);
        thread.start();
        return () -> open.set(false);
    }
}
