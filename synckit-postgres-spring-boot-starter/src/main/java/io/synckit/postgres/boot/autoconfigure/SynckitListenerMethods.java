package io.synckit.postgres.boot.autoconfigure;

import io.synckit.EventTypes;
import io.synckit.InvalidConfigException;
import io.synckit.postgres.boot.SynckitListener;
import io.synckit.postgres.boot.SynckitListenerCustomizer;
import io.synckit.subscription.DurableOptions;
import io.synckit.subscription.DurableSubscription;
import io.synckit.subscription.EventSubscriptions;
import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.aop.framework.autoproxy.AutoProxyUtils;
import org.springframework.aop.scope.ScopedProxyUtils;
import org.springframework.beans.factory.config.ConfigurableListableBeanFactory;
import org.springframework.core.BridgeMethodResolver;
import org.springframework.core.MethodIntrospector;
import org.springframework.core.annotation.AnnotatedElementUtils;
import org.springframework.core.annotation.AnnotationUtils;

/**
 * Finds the methods with {@link SynckitListener}, without creating their beans, and starts their subscriptions. A bean is looked up at each
 * call, so lazy and mocked beans work.
 */
final class SynckitListenerMethods {

    private static final Logger log = LoggerFactory.getLogger(SynckitListenerMethods.class);

    private final ConfigurableListableBeanFactory beans;
    private final ListenerDelivery delivery;
    private final ListenerOptions options;
    private final EventTypes types;
    private final Supplier<List<SynckitListenerCustomizer>> customizers;

    SynckitListenerMethods(
            ConfigurableListableBeanFactory beans,
            ListenerDelivery delivery,
            EventTypes types,
            Supplier<List<SynckitListenerCustomizer>> customizers) {
        this.beans = beans;
        this.delivery = delivery;
        this.options = new ListenerOptions(beans);
        this.types = types;
        this.customizers = customizers;
    }

    /**
     * Returns the subscriptions to start.
     *
     * @throws InvalidConfigException if an annotation or a method is invalid, or two have the same subscription
     */
    List<Listener> find() {
        Map<String, Listener> found = new LinkedHashMap<>();
        for (String name : beans.getBeanNamesForType(Object.class, true, false)) {
            Class<?> type = ScopedProxyUtils.isScopedTarget(name) ? null : classOf(name);
            if (type == null || !AnnotationUtils.isCandidateClass(type, SynckitListener.class)) {
                continue;
            }
            methods(type)
                    .forEach((method, annotations) -> annotations.forEach(annotation -> {
                        Listener listener = listener(name, type, method, annotation);
                        Listener other = found.putIfAbsent(listener.options.name(), listener);
                        if (other != null) {
                            throw new InvalidConfigException(
                                    "listener",
                                    "method " + listener.method + " has the subscription '" + listener.options.name()
                                            + "', as "
                                            + other.method
                                            + " has; give each a name of its own, or handle all event types by one method, whose parameter is an"
                                            + " interface of the payload classes");
                        }
                    }));
        }
        return new ArrayList<>(found.values());
    }

    /** Returns the class of a bean. That of a scoped bean is the class behind its proxy. */
    private @Nullable Class<?> classOf(String name) {
        String scoped = ScopedProxyUtils.getTargetBeanName(name);
        return AutoProxyUtils.determineTargetClass(beans, beans.containsBeanDefinition(scoped) ? scoped : name);
    }

    private static Map<Method, Set<SynckitListener>> methods(Class<?> type) {
        try {
            return MethodIntrospector.selectMethods(
                    type, (MethodIntrospector.MetadataLookup<Set<SynckitListener>>) method -> annotations(method));
        } catch (IllegalStateException | LinkageError e) {
            // A class of an optional library is missing. Spring ignores the methods of such a bean, too.
            log.debug("listener.unresolvable: the methods of {} cannot be read: {}", type.getName(), e.toString());
            return Map.of();
        }
    }

    private static @Nullable Set<SynckitListener> annotations(Method method) {
        Set<SynckitListener> annotations = AnnotatedElementUtils.getMergedRepeatableAnnotations(
                method, SynckitListener.class, SynckitListener.All.class);
        if (annotations.isEmpty()) {
            // Those of the overridden method, or of the interface.
            annotations = AnnotatedElementUtils.findMergedRepeatableAnnotations(
                    method, SynckitListener.class, SynckitListener.All.class);
        }
        return annotations.isEmpty() ? null : annotations;
    }

    private Listener listener(String beanName, Class<?> type, Method method, SynckitListener annotation) {
        // A public method of a base class that is not public is found as a bridge, which has no generic types.
        ListenerMethod handler = new ListenerMethod(
                BridgeMethodResolver.findBridgedMethod(method), type, () -> beans.getBean(beanName), types);
        Class<?> exposed = beans.getType(beanName);
        if (exposed != null) {
            handler.on(exposed);
        }
        DurableOptions.Delivery guarantee = delivery.of(annotation, method, type);
        try {
            List<String> named = options.types(annotation);
            if (!named.isEmpty()) {
                warnIfMisspelled(handler, named);
            }
            return new Listener(
                    customized(
                            options.of(annotation, named.isEmpty() ? handler.eventTypes() : named, guarantee), handler),
                    handler,
                    options.autoStartup(annotation));
        } catch (IllegalArgumentException e) {
            throw new InvalidConfigException("listener", "method " + handler + ": " + e.getMessage());
        }
    }

    private static void warnIfMisspelled(ListenerMethod handler, List<String> named) {
        handler.typeOfPayload()
                .filter(type -> !named.contains(type))
                .ifPresent(type -> log.warn(
                        "listener.types: method {} selects {}, but the type of its payload is {}; check the spelling",
                        handler,
                        named,
                        type));
    }

    private DurableOptions customized(DurableOptions read, ListenerMethod method) {
        DurableOptions customized = read;
        for (SynckitListenerCustomizer customizer : customizers.get()) {
            customized = customizer.customize(customized);
        }
        if (!customized.name().equals(read.name()) || customized.delivery() != read.delivery()) {
            throw new InvalidConfigException(
                    "listener",
                    "method " + method + ": a SynckitListenerCustomizer has changed the name or the delivery of " + read
                            + "; set both by the annotation");
        }
        return customized;
    }

    /** A subscription to be started. */
    record Listener(DurableOptions options, ListenerMethod method, boolean autoStartup) {

        DurableSubscription start(EventSubscriptions subscriptions) {
            return method.isOfBatches()
                    ? subscriptions.durableBatches(options, method::handleBatch)
                    : subscriptions.durable(options, method::handle);
        }
    }
}
