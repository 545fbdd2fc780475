package io.synckit.postgres.boot.autoconfigure;

import io.synckit.ConnectionSource;
import io.synckit.InvalidConfigException;
import io.synckit.postgres.RealtimeEventStore;
import io.synckit.postgres.boot.SynckitListener;
import io.synckit.subscription.DurableOptions.Delivery;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.beans.factory.NoSuchBeanDefinitionException;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.beans.factory.annotation.BeanFactoryAnnotationUtils;
import org.springframework.beans.factory.config.ConfigurableBeanFactory;
import org.springframework.beans.factory.config.EmbeddedValueResolver;
import org.springframework.core.annotation.AnnotatedElementUtils;
import org.springframework.scheduling.annotation.Async;
import org.springframework.transaction.PlatformTransactionManager;
import org.springframework.transaction.TransactionDefinition;
import org.springframework.transaction.annotation.AnnotationTransactionAttributeSource;
import org.springframework.transaction.annotation.TransactionManagementConfigurer;
import org.springframework.transaction.interceptor.TransactionAttribute;
import org.springframework.util.StringUtils;

/** Chooses the delivery of a handler method from its transaction, and rejects a method whose work would not join the checkpoint's. */
final class ListenerDelivery {

    private static final Logger log = LoggerFactory.getLogger(ListenerDelivery.class);

    private static final Set<Integer> JOINS = Set.of(
            TransactionDefinition.PROPAGATION_REQUIRED,
            TransactionDefinition.PROPAGATION_MANDATORY,
            TransactionDefinition.PROPAGATION_SUPPORTS,
            TransactionDefinition.PROPAGATION_NESTED);

    private final AnnotationTransactionAttributeSource transactions = new AnnotationTransactionAttributeSource(false);
    private final ConfigurableBeanFactory beans;
    private final ObjectProvider<ConnectionSource> connections;
    private final ObjectProvider<RealtimeEventStore> stores;

    ListenerDelivery(
            ConfigurableBeanFactory beans,
            ObjectProvider<ConnectionSource> connections,
            ObjectProvider<RealtimeEventStore> stores) {
        this.beans = beans;
        this.transactions.setEmbeddedValueResolver(new EmbeddedValueResolver(beans));
        this.connections = connections;
        this.stores = stores;
    }

    Delivery of(SynckitListener annotation, Method method, Class<?> beanClass) {
        require(
                !AnnotatedElementUtils.hasAnnotation(method, Async.class)
                        && !AnnotatedElementUtils.hasAnnotation(beanClass, Async.class),
                method,
                "is @Async, so it would return before its work is done; remove @Async");
        TransactionAttribute transaction = transactions.getTransactionAttribute(method, beanClass);
        require(
                transaction == null || (method.getModifiers() & (Modifier.PRIVATE | Modifier.FINAL)) == 0,
                method,
                "is @Transactional, but private or final, so it would run on the proxy, whose fields are null; make it public and not"
                        + " final");
        boolean exactlyOnce = switch (annotation.delivery()) {
            case AUTO -> transaction != null;
            case EXACTLY_ONCE -> true;
            case AT_LEAST_ONCE -> false;
        };
        if (!exactlyOnce) {
            return Delivery.AT_LEAST_ONCE;
        }
        if (transaction != null) {
            require(
                    JOINS.contains(transaction.getPropagationBehavior()),
                    method,
                    "has a transaction of its own (REQUIRES_NEW, NOT_SUPPORTED or NEVER), which cannot commit together with the"
                            + " checkpoint; use REQUIRED, or delivery = AT_LEAST_ONCE");
            requireManagerOfStore(transaction, method, beanClass);
        }
        return Delivery.EXACTLY_ONCE;
    }

    private void requireManagerOfStore(TransactionAttribute transaction, Method method, Class<?> beanClass) {
        ConnectionSource source = connections.getIfUnique();
        RealtimeEventStore store = stores.getIfUnique();
        // A mock has no connections.
        ConnectionSource ofStore = store == null ? null : store.connections();
        require(
                ofStore == null || ofStore == source,
                method,
                "is @Transactional, but the RealtimeEventStore of the application does not use the bean ConnectionSource, so the"
                        + " checkpoint is not stored in that transaction; create the store with that bean, or use delivery ="
                        + " AT_LEAST_ONCE");
        if (!(source instanceof SpringConnections spring)) {
            return; // It is the application's, so its transactions are not known.
        }
        String name = transaction.getQualifier();
        PlatformTransactionManager used = StringUtils.hasText(name)
                ? BeanFactoryAnnotationUtils.qualifiedBeanOfType(beans, PlatformTransactionManager.class, name)
                : managerOf(beanClass);
        require(
                used == null || used == spring.storeTransactions().manager(),
                method,
                "is @Transactional with another transaction manager than the one of the event store's DataSource, so it cannot commit"
                        + " together with the checkpoint; name the right one, or use delivery = AT_LEAST_ONCE");
    }

    /** Returns the manager of a method that names none, as Spring chooses it: by the qualifier of the class, by a configurer, or by type. */
    private @Nullable PlatformTransactionManager managerOf(Class<?> beanClass) {
        String qualifier = BeanFactoryAnnotationUtils.getQualifierValue(beanClass);
        if (StringUtils.hasText(qualifier)) {
            try {
                return BeanFactoryAnnotationUtils.qualifiedBeanOfType(
                        beans, PlatformTransactionManager.class, qualifier);
            } catch (NoSuchBeanDefinitionException e) {
                log.debug("listener.qualifier: '{}' of {} is not of a transaction manager", qualifier, beanClass);
            }
        }
        TransactionManagementConfigurer configurer =
                beans.getBeanProvider(TransactionManagementConfigurer.class).getIfUnique();
        return configurer != null
                        && configurer.annotationDrivenTransactionManager() instanceof PlatformTransactionManager manager
                ? manager
                : beans.getBeanProvider(PlatformTransactionManager.class).getIfUnique();
    }

    private static void require(boolean right, Method method, String problem) {
        if (!right) {
            throw new InvalidConfigException(
                    "listener",
                    "method " + method.getDeclaringClass().getSimpleName() + "." + method.getName() + " " + problem);
        }
    }
}
