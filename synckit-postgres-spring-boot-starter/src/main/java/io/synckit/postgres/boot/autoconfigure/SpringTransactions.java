package io.synckit.postgres.boot.autoconfigure;

import java.util.Collections;
import java.util.Map;
import java.util.WeakHashMap;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.springframework.core.Ordered;
import org.springframework.transaction.TransactionExecution;
import org.springframework.transaction.TransactionExecutionListener;
import org.springframework.transaction.support.ResourceHolderSupport;
import org.springframework.transaction.support.TransactionSynchronization;
import org.springframework.transaction.support.TransactionSynchronizationManager;

/**
 * Follows the transactions of the application's transaction managers, to know whether a bound connection is in an open transaction. Spring
 * does not provide this: in {@code TransactionSynchronization.afterCommit} the transaction still counts as active, and in a transaction of
 * another resource (such as JMS) a connection can be bound that is never committed.
 *
 * <p>Each transaction gets a synchronization that is called first after its commit. A flush during the commit still belongs to the
 * transaction. The state belongs to the holder of the connection, so nested transactions and those of other managers do not change it.
 * Thread-safe.
 */
final class SpringTransactions implements TransactionExecutionListener {

    private final DataSource dataSource;

    /**
     * Whether the transaction of a bound connection has committed, by the holder of the connection, until the transaction has completed. Weak,
     * because a transaction that is never completed must not leak.
     */
    private final Map<Object, Boolean> committed = Collections.synchronizedMap(new WeakHashMap<>());

    /** The connection that was bound before the transaction that is just starting on this thread. */
    private final ThreadLocal<@Nullable Bound> before = new ThreadLocal<>();

    SpringTransactions(DataSource dataSource) {
        this.dataSource = dataSource;
    }

    /**
     * Returns whether a connection that is bound to this thread is in a transaction that has not committed. True for a transaction manager
     * that is not a bean, because its commit cannot be followed.
     */
    boolean isOpen(Object bound) {
        Boolean known = committed.get(bound);
        return known == null ? !isFollowed() : !known;
    }

    /** Returns whether the innermost transaction is followed. A connection that is bound, but not by it, belongs to no transaction. */
    private boolean isFollowed() {
        return TransactionSynchronizationManager.getSynchronizations().stream()
                .anyMatch(synchronization -> synchronization instanceof Follower follower && follower.owner() == this);
    }

    @Override
    public void beforeBegin(TransactionExecution transaction) {
        before.set(Bound.now(dataSource));
    }

    @Override
    public void afterBegin(TransactionExecution transaction, @Nullable Throwable beginFailure) {
        Bound boundBefore = before.get();
        before.remove();
        if (beginFailure != null || !TransactionSynchronizationManager.isSynchronizationActive()) {
            return;
        }
        Object bound = TransactionSynchronizationManager.getResource(dataSource);
        boolean begunHere = bound != null && (boundBefore == null || !boundBefore.isOfTransaction(bound));
        if (begunHere) {
            committed.put(bound, false);
        }
        if (begunHere || !isFollowed()) {
            TransactionSynchronizationManager.registerSynchronization(new Follower(this, begunHere ? bound : null));
        }
    }

    /**
     * A bound connection.
     *
     * @param inTransaction whether it was in a transaction. A connection that was bound for reuse is not
     */
    private record Bound(@Nullable Object holder, boolean inTransaction) {

        static Bound now(DataSource dataSource) {
            Object holder = TransactionSynchronizationManager.getResource(dataSource);
            return new Bound(
                    holder,
                    !(holder instanceof ResourceHolderSupport support) || support.isSynchronizedWithTransaction());
        }

        boolean isOfTransaction(Object bound) {
            return holder == bound && inTransaction;
        }
    }

    /** @param bound the connection that the transaction has bound; null if it is of another resource */
    private record Follower(
            SpringTransactions owner, @Nullable Object bound) implements TransactionSynchronization, Ordered {

        @Override
        public int getOrder() {
            return HIGHEST_PRECEDENCE;
        }

        @Override
        public void afterCommit() {
            if (bound != null) {
                owner.committed.put(bound, true);
            }
        }

        @Override
        public void afterCompletion(int status) {
            if (bound != null) {
                owner.committed.remove(bound);
            }
        }
    }
}
