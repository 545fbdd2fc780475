package io.synckit;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/** The connections of a DataSource, with transactions that are bound to the thread. */
final class JdbcConnections implements ConnectionSource {

    private static final Set<String> SAME_FOR_ALL_THREADS =
            Set.of("com.zaxxer.hikari.HikariDataSource", "org.postgresql.ds.PGSimpleDataSource");

    private final DataSource dataSource;
    private final ThreadLocal<Transaction> current = new ThreadLocal<>();

    JdbcConnections(DataSource dataSource) {
        this.dataSource = dataSource;
    }

    @Override
    public Borrowed borrow() throws SQLException {
        Transaction joined = current.get();
        if (joined != null) {
            return new Borrowed(joined.connection, true, () -> {});
        }
        return borrowAlone();
    }

    @Override
    public Borrowed borrowAlone() throws SQLException {
        Connection connection = dataSource.getConnection();
        return new Borrowed(connection, false, connection::close);
    }

    @Override
    public boolean inCallersTransaction() {
        return current.get() != null;
    }

    @Override
    public boolean hasTransactions() {
        return true;
    }

    @Override
    public boolean sameForAllThreads() {
        return SAME_FOR_ALL_THREADS.contains(dataSource.getClass().getName());
    }

    @Override
    public void afterCommit(Runnable action) {
        Transaction joined = current.get();
        if (joined == null) {
            action.run();
        } else {
            joined.afterCommit.add(action);
        }
    }

    /** A nested call joins the transaction. */
    @Override
    public <R extends @Nullable Object> R inTransaction(Callable<R> work) throws Exception {
        if (current.get() != null) {
            return work.call();
        }
        List<Runnable> afterCommit = new ArrayList<>();
        R result;
        try (Connection connection = dataSource.getConnection()) {
            boolean autoCommitOfPool = connection.getAutoCommit();
            connection.setAutoCommit(false);
            current.set(new Transaction(connection, afterCommit));
            try {
                result = work.call();
                connection.commit();
            } catch (Throwable e) {
                rollback(connection, e);
                throw e;
            } finally {
                current.remove();
            }
            connection.setAutoCommit(autoCommitOfPool);
        }
        afterCommit.forEach(Runnable::run);
        return result;
    }

    /** A connection that cannot roll back is broken, and so is its transaction. */
    private static void rollback(Connection connection, Throwable failure) {
        try {
            connection.rollback();
            connection.setAutoCommit(true);
        } catch (SQLException e) {
            failure.addSuppressed(e);
        }
    }

    private record Transaction(Connection connection, List<Runnable> afterCommit) {}
}
