package io.synckit.benchmarks.contenders;

import io.synckit.ConnectionSource;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/** The connections of a pool, and the transactions that threads have open on them. Appends join the transaction of their thread. */
final class Transactions implements ConnectionSource {

    private final DataSource pool;
    private final ConnectionSource plain;
    private final ThreadLocal<Open> open = new ThreadLocal<>();

    Transactions(DataSource pool) {
        this.pool = pool;
        this.plain = ConnectionSource.of(pool);
    }

    private record Open(Connection connection, List<Runnable> afterCommit) {}

    /** Work in a transaction. */
    interface Work {
        void run(Connection connection) throws Exception;
    }

    /** Runs work in a transaction, and commits it. Returns the start of the commit, by {@link System#nanoTime}. */
    long commit(Work work) throws Exception {
        try (Connection connection = pool.getConnection()) {
            connection.setAutoCommit(false);
            Open transaction = new Open(connection, new ArrayList<>());
            open.set(transaction);
            long start;
            try {
                work.run(connection);
                start = System.nanoTime();
                connection.commit();
            } finally {
                open.remove();
            }
            transaction.afterCommit.forEach(Runnable::run);
            return start;
        }
    }

    @Override
    public Borrowed borrow() throws SQLException {
        Open transaction = open.get();
        return transaction == null ? plain.borrow() : new Borrowed(transaction.connection, true, () -> {});
    }

    @Override
    public boolean inCallersTransaction() {
        return open.get() != null;
    }

    @Override
    public boolean hasTransactions() {
        return true;
    }

    @Override
    public <R extends @Nullable Object> R inTransaction(Callable<R> work) throws Exception {
        List<R> result = new ArrayList<>(1);
        commit(connection -> result.add(work.call()));
        return result.get(0);
    }

    @Override
    public void afterCommit(Runnable action) {
        Open transaction = open.get();
        if (transaction == null) {
            action.run();
        } else {
            transaction.afterCommit.add(action);
        }
    }

    @Override
    public boolean sameForAllThreads() {
        return true;
    }
}
