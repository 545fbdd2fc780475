package io.synckit.postgres.internal.runtime;

import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;

/**
 * Ends calls on a connection that hang. A link that is frozen in the middle of a message blocks its reader whatever its time-outs are;
 * only {@link Connection#abort} from another thread helps. The call then fails as on any broken connection.
 */
public final class Watchdog implements AutoCloseable {

    private final long limit;
    private final ScheduledExecutorService timer;
    private final Set<Call> calls = ConcurrentHashMap.newKeySet();

    /** @param limit how long a call may take */
    public Watchdog(String name, Duration limit) {
        this.limit = limit.toNanos();
        this.timer = Executors.newSingleThreadScheduledExecutor(work -> NamedThreads.single(name, work));
        long period = Math.max(1, this.limit / 4);
        timer.scheduleWithFixedDelay(this::abortHanging, period, period, TimeUnit.NANOSECONDS);
    }

    /** Runs something that may hang on the connection. */
    public <R> R watch(Connection connection, Callable<R> work) throws SQLException {
        Call call = new Call(connection, System.nanoTime());
        calls.add(call);
        try {
            return work.call();
        } catch (SQLException | RuntimeException e) {
            throw e;
        } catch (Exception e) {
            throw new IllegalStateException(e);
        } finally {
            calls.remove(call);
        }
    }

    private void abortHanging() {
        long now = System.nanoTime();
        for (Call call : calls) {
            if (now - call.start > limit) {
                abort(call.connection);
            }
        }
    }

    /** Breaks the connection, which ends the call. */
    public static void abort(Connection connection) {
        try {
            connection.abort(Runnable::run);
        } catch (SQLException | RuntimeException e) {
            // It is broken already, so the call fails.
        }
    }

    @Override
    public void close() {
        timer.shutdownNow();
    }

    /** A call that is watched. Not a record, because two calls are never equal. */
    private static final class Call {

        private final Connection connection;
        private final long start;

        Call(Connection connection, long start) {
            this.connection = connection;
            this.start = start;
        }
    }
}
