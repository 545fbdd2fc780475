package io.synckit.postgres.boot.autoconfigure;

import java.lang.reflect.Method;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.jdbc.datasource.DataSourceTransactionManager;
import org.springframework.jdbc.datasource.TransactionAwareDataSourceProxy;
import org.springframework.jdbc.support.JdbcTransactionManager;
import org.springframework.transaction.PlatformTransactionManager;
import org.springframework.transaction.TransactionStatus;
import org.springframework.transaction.support.DefaultTransactionDefinition;
import org.springframework.util.ReflectionUtils;

/** Runs transactions on the DataSource of the store: with the transaction manager of the application for it, or with its own. */
final class StoreTransactions {

    private final DataSource dataSource;
    private final ObjectProvider<PlatformTransactionManager> managers;
    private final SpringTransactions follower;
    private volatile @Nullable PlatformTransactionManager chosen;

    StoreTransactions(
            DataSource dataSource, ObjectProvider<PlatformTransactionManager> managers, SpringTransactions follower) {
        this.dataSource = dataSource;
        this.managers = managers;
        this.follower = follower;
    }

    /** Returns the transaction manager of the DataSource: if there are several, the primary one. It need not be a default candidate. */
    PlatformTransactionManager manager() {
        PlatformTransactionManager known = chosen;
        if (known == null) {
            known = Stream.concat(
                            Stream.ofNullable(managers.getIfUnique()),
                            managers.orderedStream(ObjectProvider.UNFILTERED))
                    .filter(this::isOfDataSource)
                    .findFirst()
                    .orElseGet(this::own);
            chosen = known;
        }
        return known;
    }

    private PlatformTransactionManager own() {
        JdbcTransactionManager manager = new JdbcTransactionManager(dataSource);
        manager.addListener(follower);
        return manager;
    }

    /** JPA's manager is on an optional class path, so its DataSource is read by name. */
    private boolean isOfDataSource(PlatformTransactionManager manager) {
        DataSource of = null;
        if (manager instanceof DataSourceTransactionManager jdbc) {
            of = jdbc.getDataSource();
        } else {
            Method getter = ReflectionUtils.findMethod(manager.getClass(), "getDataSource");
            if (getter != null && DataSource.class.isAssignableFrom(getter.getReturnType())) {
                of = (DataSource) ReflectionUtils.invokeMethod(getter, manager);
            }
        }
        if (of instanceof TransactionAwareDataSourceProxy proxy) {
            of = proxy.getTargetDataSource();
        }
        return of == dataSource;
    }

    /** Commits if the work returns, and rolls back whatever it throws. */
    <R extends @Nullable Object> R run(Callable<R> work) throws Exception {
        PlatformTransactionManager manager = manager();
        TransactionStatus status = manager.getTransaction(new DefaultTransactionDefinition());
        R result;
        try {
            result = work.call();
        } catch (Throwable e) {
            rollback(manager, status, e);
            throw e;
        }
        manager.commit(status);
        return result;
    }

    private static void rollback(PlatformTransactionManager manager, TransactionStatus status, Throwable failure) {
        try {
            manager.rollback(status);
        } catch (RuntimeException e) {
            failure.addSuppressed(e);
        }
    }
}
