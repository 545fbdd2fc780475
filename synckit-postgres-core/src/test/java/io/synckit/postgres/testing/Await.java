package io.synckit.postgres.testing;

import static org.assertj.core.api.Assertions.assertThat;

import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;

/** Waits for the state of another session, which PostgreSQL reports only to queries. */
public final class Await {

    private static final Duration LONGEST = Duration.ofMinutes(4);
    private static final Duration BETWEEN = Duration.ofMillis(5);

    private Await() {}

    /** Asks until the answer is as expected; fails with the last answer after four minutes. */
    public static void until(TestDatabase database, String sql, String expected) {
        long end = System.nanoTime() + LONGEST.toNanos();
        String answer = database.query(sql);
        while (!expected.equals(answer) && System.nanoTime() < end) {
            // A connection for each query would use up a core. Each answer is text, as that of the first one.
            try (Connection connection = DriverManager.getConnection(database.url("preferQueryMode=simple"))) {
                while (!expected.equals(answer) && System.nanoTime() < end) {
                    LockSupport.parkNanos(BETWEEN.toNanos());
                    answer = TestDatabase.query(connection, sql);
                }
            } catch (SQLException e) {
                // The test has ended the session, or the statement has failed. It is repeated in another session.
                answer = database.query(sql);
            }
        }
        assertThat(answer).as(sql).isEqualTo(expected);
    }

    /** Asks until it is so; fails after four minutes. */
    public static void until(BooleanSupplier condition) {
        long end = System.nanoTime() + LONGEST.toNanos();
        while (!condition.getAsBoolean()) {
            assertThat(System.nanoTime() - end).as("it did not become so").isNegative();
            LockSupport.parkNanos(BETWEEN.toNanos());
        }
    }

    /** Waits for a latch; fails after four minutes. */
    public static void latch(CountDownLatch latch) {
        try {
            assertThat(latch.await(LONGEST.toNanos(), TimeUnit.NANOSECONDS)).isTrue();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Until this many backends of the database wait in a queue of an aggregate. */
    public static void untilQueued(TestDatabase database, int backends) {
        until(
                database,
                "select count(*) from pg_stat_activity where datname = current_database()"
                        + " and wait_event_type = 'Lock' and wait_event = 'advisory'",
                String.valueOf(backends));
    }
}
