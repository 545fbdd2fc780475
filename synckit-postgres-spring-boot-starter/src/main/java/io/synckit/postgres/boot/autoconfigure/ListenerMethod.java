package io.synckit.postgres.boot.autoconfigure;

import io.synckit.Event;
import io.synckit.EventTypes;
import io.synckit.InvalidConfigException;
import io.synckit.StoredEvent;
import io.synckit.subscription.EventContext;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.Proxy;
import java.lang.reflect.Type;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Flow;
import java.util.concurrent.Future;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.springframework.aop.SpringProxy;
import org.springframework.aop.support.AopUtils;
import org.springframework.core.GenericTypeResolver;
import org.springframework.core.ResolvableType;
import org.springframework.util.ReflectionUtils;

/** A handler method: where its parameters come from, and which event types it handles. */
final class ListenerMethod {

    private enum Source {
        EVENT,
        BATCH,
        CONTEXT,
        PAYLOAD
    }

    private final Method method;
    private final Supplier<Object> bean;
    private final List<Source> sources;
    private final EventTypes types;
    private final @Nullable Type payload;

    /**
     * @param method of the bean's class
     * @param bean returns the bean at each call
     * @throws InvalidConfigException if the parameters do not fit
     */
    ListenerMethod(Method method, Class<?> beanClass, Supplier<Object> bean, EventTypes types) {
        this.method = method;
        this.bean = bean;
        this.types = types;
        List<Type> parameters = List.of(method.getGenericParameterTypes()).stream()
                .map(type -> GenericTypeResolver.resolveType(type, beanClass))
                .toList();
        this.sources = parameters.stream().map(ListenerMethod::source).toList();
        this.payload = sources.contains(Source.PAYLOAD) ? parameters.get(sources.indexOf(Source.PAYLOAD)) : null;
        for (Source source : Source.values()) {
            require(
                    sources.stream().filter(other -> other == source).count() <= 1,
                    "has two parameters for the same: possible are one StoredEvent or List<StoredEvent>, one payload and one EventContext");
        }
        require(
                sources.stream().anyMatch(source -> source != Source.CONTEXT),
                "has no parameter for the event; add StoredEvent, List<StoredEvent> or the class of the payload");
        require(
                parameters.stream()
                        .noneMatch(type -> ResolvableType.forType(type).toClass() == Event.class),
                "has a parameter of type Event, which is for storing; receive StoredEvent");
        require(
                parameters.stream()
                        .filter(type -> source(type) == Source.PAYLOAD)
                        .map(ResolvableType::forType)
                        .noneMatch(type -> type.toClass() == StoredEvent[].class
                                || type.as(Iterable.class).getGeneric().toClass() == StoredEvent.class),
                "has a parameter of several events that is not a List; receive List<StoredEvent>");
        require(
                !returnsLater(method.getReturnType()),
                "returns " + method.getReturnType().getSimpleName()
                        + ", so it would return before its work is done; wait for the result, and return void");
        require(
                !isOfBatches() || !sources.contains(Source.EVENT) && payload == null,
                "handles batches, so its parameters are List<StoredEvent> and EventContext only");
    }

    private static Source source(Type type) {
        ResolvableType resolved = ResolvableType.forType(type);
        Class<?> raw = resolved.toClass();
        if (raw == StoredEvent.class) {
            return Source.EVENT;
        }
        if (raw == EventContext.class) {
            return Source.CONTEXT;
        }
        if (List.class == raw && resolved.getGeneric().toClass() == StoredEvent.class) {
            return Source.BATCH;
        }
        return Source.PAYLOAD;
    }

    private void require(boolean right, String problem) {
        if (!right) {
            throw new InvalidConfigException("listener", "method " + this + " " + problem);
        }
    }

    boolean isOfBatches() {
        return sources.contains(Source.BATCH);
    }

    /** Returns the type of the payload's class; empty if there is no payload, or its class stands for several types. */
    Optional<String> typeOfPayload() {
        return Optional.ofNullable(payload)
                .<Class<?>>map(type -> ResolvableType.forType(type).toClass())
                .filter(type ->
                        !isGeneral(type) && EventTypes.withPermitted(type).count() == 1)
                .map(EventTypes::nameOf);
    }

    /**
     * Returns the event types that follow from the class of the payload; empty for all.
     *
     * @throws InvalidConfigException if no event type follows from the class
     */
    Set<String> eventTypes() {
        if (payload == null) {
            return Set.of();
        }
        Class<?> raw = ResolvableType.forType(payload).toClass();
        require(
                !Iterable.class.isAssignableFrom(raw),
                "has the payload " + raw.getSimpleName() + "; a method that handles batches has List<StoredEvent>");
        Optional<String> only = typeOfPayload();
        if (only.isPresent()) {
            require(
                    !raw.getName().startsWith("java."),
                    "has the payload " + raw.getName()
                            + ", a class of the JDK that names no event type; set types in the annotation");
            return Set.of(only.get());
        }
        Set<String> names = new LinkedHashSet<>(types.assignableTo(raw));
        EventTypes.withPermitted(raw)
                .filter(type -> !isGeneral(type))
                .map(EventTypes::nameOf)
                .forEach(names::add);
        require(
                !names.isEmpty(),
                "has the payload " + raw.getName()
                        + ", which is not sealed, and of which no class with @EventType is in the packages of"
                        + " the application; annotate its classes, make it sealed, or set types in the annotation");
        return names;
    }

    /** A class of which there are no objects stands for all that extend it. */
    private static boolean isGeneral(Class<?> type) {
        return type.isInterface() || type == Object.class || Modifier.isAbstract(type.getModifiers()) && !type.isEnum();
    }

    void handle(StoredEvent event, EventContext context) throws Exception {
        invoke(sources.stream()
                .map(source -> switch (source) {
                    case EVENT -> event;
                    case CONTEXT -> context;
                    case PAYLOAD -> payload(event);
                    case BATCH -> List.of(event);
                })
                .toArray());
    }

    void handleBatch(List<StoredEvent> events, EventContext context) throws Exception {
        invoke(sources.stream()
                .map(source -> source == Source.BATCH ? events : context)
                .toArray());
    }

    private Object payload(StoredEvent event) {
        Type type = payload == null ? Object.class : payload;
        Class<?> raw = ResolvableType.forType(type).toClass();
        Class<?> known = types.classOf(event.type()).orElse(raw);
        if (known != raw && raw.isAssignableFrom(known)) {
            return event.dataAs(known);
        }
        return raw.isSealed() ? event.dataAs(raw) : event.dataAs(type);
    }

    private static boolean returnsLater(Class<?> type) {
        return Stream.of(Future.class, CompletionStage.class, Flow.Publisher.class)
                        .anyMatch(later -> later.isAssignableFrom(type))
                || isReactive(type);
    }

    /** Reactive Streams is not on the class path of every application, so its interface is found by name. */
    private static boolean isReactive(@Nullable Class<?> type) {
        return type != null
                && (type.getName().equals("org.reactivestreams.Publisher")
                        || isReactive(type.getSuperclass())
                        || Stream.of(type.getInterfaces()).anyMatch(ListenerMethod::isReactive));
    }

    /**
     * Returns the method to call on a bean.
     *
     * @param exposed class of the bean or its proxy
     * @throws InvalidConfigException if it cannot be called, or would run on the proxy
     */
    Method on(Class<?> exposed) {
        require(
                !isProxy(exposed) || (method.getModifiers() & (Modifier.PRIVATE | Modifier.FINAL)) == 0,
                "is private or final, and its bean has a proxy, whose fields are null; make it public and not final");
        require(
                !isProxy(exposed) || isVisibleTo(exposed),
                "is not visible in the package of its bean, which has a proxy, whose fields are null; make it public");
        try {
            return AopUtils.selectInvocableMethod(method, exposed);
        } catch (IllegalStateException e) {
            throw new InvalidConfigException("listener", "method " + this + " cannot be called: " + e.getMessage());
        }
    }

    private boolean isVisibleTo(Class<?> proxy) {
        return (method.getModifiers() & (Modifier.PUBLIC | Modifier.PROTECTED)) != 0
                || method.getDeclaringClass().getPackageName().equals(proxy.getPackageName());
    }

    private static boolean isProxy(Class<?> exposed) {
        return SpringProxy.class.isAssignableFrom(exposed) && !Proxy.isProxyClass(exposed);
    }

    private void invoke(Object[] arguments) throws Exception {
        Object target = bean.get();
        // The class of a lazy bean is not known before.
        Method invocable = on(target.getClass());
        try {
            ReflectionUtils.makeAccessible(invocable);
            invocable.invoke(target, arguments);
        } catch (InvocationTargetException e) {
            if (e.getCause() instanceof Exception failure) {
                throw failure;
            }
            if (e.getCause() instanceof Error failure) {
                throw failure;
            }
            throw e;
        }
    }

    @Override
    public String toString() {
        return Stream.of(method.getParameterTypes())
                .map(Class::getSimpleName)
                .collect(Collectors.joining(
                        ", ", method.getDeclaringClass().getSimpleName() + "." + method.getName() + "(", ")"));
    }
}
