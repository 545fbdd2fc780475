package io.synckit.postgres.boot.autoconfigure;

import java.util.ArrayDeque;
import java.util.Deque;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.springframework.transaction.TransactionExecution;
import org.springframework.transaction.TransactionExecutionListener;
import org.springframework.transaction.support.TransactionSynchronizationManager;

/**
 * Follows the transactions of the application's transaction managers, to know whether a connection that is bound to the thread is in an
 * open transaction. Spring itself does not tell: in {@code TransactionSynchronization.afterCommit} the transaction still counts as
 * active, and a transaction of another resource (JMS for instance) also has connections bound that nobody commits.
 */
final class SpringTransactions implements TransactionExecutionListener {

    private final DataSource dataSource;
    private final ThreadLocal<@Nullable Deque<Begun>> stack = new ThreadLocal<>();

    SpringTransactions(DataSource dataSource) {
        this.dataSource = dataSource;
    }

    /**
     * Returns whether a connection that is bound to this thread is in a transaction that has not been committed. True if nothing is known,
     * because the transaction manager is not a bean.
     */
    boolean isOpen(Object boundConnection) {
        Deque<Begun> transactions = stack.get();
        Begun innermost = transactions == null ? null : transactions.peek();
        if (innermost == null) {
            return true;
        }
        boolean ofThisDataSource = innermost.boundConnection != null;
        boolean committed =
                innermost.committing && innermost.ownConnection && innermost.boundConnection == boundConnection;
        return ofThisDataSource && !committed;
    }

    @Override
    public void afterBegin(TransactionExecution transaction, @Nullable Throwable beginFailure) {
        if (beginFailure == null) {
            Deque<Begun> transactions = stack.get();
            if (transactions == null) {
                transactions = new ArrayDeque<>(2);
                stack.set(transactions);
            }
            Object bound = TransactionSynchronizationManager.getResource(dataSource);
            Begun outer = transactions.peek();
            transactions.push(new Begun(transaction, bound, outer == null || outer.boundConnection != bound));
        }
    }

    /** Called after the synchronizations' beforeCommit, and before their afterCommit. */
    @Override
    public void beforeCommit(TransactionExecution transaction) {
        Deque<Begun> transactions = stack.get();
        if (transactions != null && !transactions.isEmpty() && transactions.peek().transaction == transaction) {
            transactions.peek().committing = true;
        }
    }

    @Override
    public void afterCommit(TransactionExecution transaction, @Nullable Throwable commitFailure) {
        ended(transaction);
    }

    @Override
    public void afterRollback(TransactionExecution transaction, @Nullable Throwable rollbackFailure) {
        ended(transaction);
    }

    private void ended(TransactionExecution transaction) {
        Deque<Begun> transactions = stack.get();
        if (transactions != null) {
            transactions.removeIf(begun -> begun.transaction == transaction);
            if (transactions.isEmpty()) {
                stack.remove();
            }
        }
    }

    /** A transaction of this thread, and the connection that was bound when it began. */
    private static final class Begun {

        private final TransactionExecution transaction;
        private final @Nullable Object boundConnection;

        /** Not so if an outer transaction has bound it, and this one is of another DataSource. */
        private final boolean ownConnection;

        private boolean committing;

        Begun(TransactionExecution transaction, @Nullable Object boundConnection, boolean ownConnection) {
            this.transaction = transaction;
            this.boundConnection = boundConnection;
            this.ownConnection = ownConnection;
        }
    }
}
