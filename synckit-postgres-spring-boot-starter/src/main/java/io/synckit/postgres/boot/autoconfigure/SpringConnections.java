package io.synckit.postgres.boot.autoconfigure;

import io.synckit.ConnectionSource;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicBoolean;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.jdbc.datasource.ConnectionHolder;
import org.springframework.jdbc.datasource.DataSourceUtils;
import org.springframework.jdbc.datasource.LazyConnectionDataSourceProxy;
import org.springframework.jdbc.datasource.TransactionAwareDataSourceProxy;
import org.springframework.transaction.PlatformTransactionManager;
import org.springframework.transaction.support.TransactionSynchronization;
import org.springframework.transaction.support.TransactionSynchronizationManager;

/**
 * Joins Spring's transactions: where a transaction manager (JDBC, JPA) has bound a connection of this DataSource to the thread, and
 * its transaction has not ended, that one is used. Otherwise it borrows a connection that is not bound to the thread.
 */
final class SpringConnections implements ConnectionSource {

    private static final Logger log = LoggerFactory.getLogger(SpringConnections.class);

    private final DataSource dataSource;
    private final SpringTransactions transactions;
    private final StoreTransactions storeTransactions;
    private final boolean sameForAllThreads;
    private final AtomicBoolean warned;

    /** @param shared whether the application's transactions are expected to be on this DataSource */
    SpringConnections(DataSource dataSource, boolean shared, ObjectProvider<PlatformTransactionManager> managers) {
        // Transaction managers bind connections of the target of the proxy.
        DataSource target =
                dataSource instanceof TransactionAwareDataSourceProxy proxy ? proxy.getTargetDataSource() : null;
        this.dataSource = target == null ? dataSource : target;
        this.transactions = new SpringTransactions(this.dataSource);
        this.storeTransactions = new StoreTransactions(this.dataSource, managers, transactions);
        this.sameForAllThreads =
                ConnectionSource.of(behindLazy(this.dataSource)).sameForAllThreads();
        this.warned = new AtomicBoolean(!shared);
    }

    /** Spring Boot's {@code spring.datasource.connection-fetch=lazy}: the same connections, fetched later. */
    private static DataSource behindLazy(DataSource dataSource) {
        boolean lazy = dataSource.getClass() == LazyConnectionDataSourceProxy.class;
        DataSource target = lazy ? ((LazyConnectionDataSourceProxy) dataSource).getTargetDataSource() : null;
        return target == null ? dataSource : target;
    }

    /** Returns the listener to add to the transaction managers. */
    SpringTransactions transactions() {
        return transactions;
    }

    @Override
    public Borrowed borrow() throws SQLException {
        if (joins()) {
            if (TransactionSynchronizationManager.getResource(dataSource) instanceof ConnectionHolder holder
                    && holder.hasTimeout()) {
                // Its statements get the transaction's remaining time.
                Connection limited = new TransactionAwareDataSourceProxy(dataSource).getConnection();
                return new Borrowed(limited, true, limited::close);
            }
            Connection connection = DataSourceUtils.doGetConnection(dataSource);
            return new Borrowed(connection, true, () -> DataSourceUtils.doReleaseConnection(connection, dataSource));
        }
        return borrowAlone();
    }

    @Override
    public Borrowed borrowAlone() throws SQLException {
        Connection connection = dataSource.getConnection();
        return new Borrowed(connection, false, connection::close);
    }

    /** Returns the transactions of the store. */
    StoreTransactions storeTransactions() {
        return storeTransactions;
    }

    @Override
    public <R extends @Nullable Object> R inTransaction(Callable<R> work) throws Exception {
        return storeTransactions.run(work);
    }

    @Override
    public boolean hasTransactions() {
        return true;
    }

    @Override
    public boolean inCallersTransaction() {
        return joins();
    }

    @Override
    public boolean sameForAllThreads() {
        return sameForAllThreads;
    }

    /** One synchronization for each transaction, however many events it stores. */
    @Override
    public void afterCommit(Runnable action) {
        if (!joins()) {
            action.run();
            return;
        }
        AfterCommit last = TransactionSynchronizationManager.getSynchronizations().stream()
                .filter(AfterCommit.class::isInstance)
                .map(AfterCommit.class::cast)
                .filter(synchronization -> synchronization.owner == this)
                .findAny()
                .orElse(null);
        if (last == null) {
            last = new AfterCommit(this);
            TransactionSynchronizationManager.registerSynchronization(last);
        }
        last.actions.add(action);
    }

    private static final class AfterCommit implements TransactionSynchronization {

        private final SpringConnections owner;
        private final List<Runnable> actions = new ArrayList<>();

        AfterCommit(SpringConnections owner) {
            this.owner = owner;
        }

        @Override
        public void afterCommit() {
            actions.forEach(Runnable::run);
        }
    }

    /**
     * A bound connection alone does not mean a transaction: without one (SUPPORTS) a JdbcTemplate binds a connection too, and after the
     * commit it is still bound. Events that are stored there would never be committed.
     */
    private boolean joins() {
        if (!TransactionSynchronizationManager.isActualTransactionActive()
                || !TransactionSynchronizationManager.isSynchronizationActive()) {
            return false;
        }
        Object bound = TransactionSynchronizationManager.getResource(dataSource);
        if (bound == null && warned.compareAndSet(false, true)) {
            log.warn(
                    "transaction.not-joined: a Spring transaction is active, but not on the event store's DataSource, so"
                            + " events do not share its fate; use the transaction manager of that DataSource. This is said once.");
        }
        return bound != null && transactions.isOpen(bound);
    }
}
