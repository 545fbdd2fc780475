package io.synckit.postgres.boot.autoconfigure;

import java.util.ArrayList;
import java.util.List;
import org.springframework.beans.factory.config.BeanPostProcessor;
import org.springframework.transaction.ConfigurableTransactionManager;
import org.springframework.transaction.TransactionExecutionListener;

/** Adds listeners to all transaction managers that are beans, whichever of the two is created first. */
final class TransactionManagers implements BeanPostProcessor {

    private final List<ConfigurableTransactionManager> managers = new ArrayList<>();
    private final List<TransactionExecutionListener> listeners = new ArrayList<>();

    synchronized void addListener(TransactionExecutionListener listener) {
        listeners.add(listener);
        managers.forEach(manager -> manager.addListener(listener));
    }

    @Override
    public synchronized Object postProcessAfterInitialization(Object bean, String beanName) {
        if (bean instanceof ConfigurableTransactionManager manager) {
            managers.add(manager);
            listeners.forEach(manager::addListener);
        }
        return bean;
    }
}
