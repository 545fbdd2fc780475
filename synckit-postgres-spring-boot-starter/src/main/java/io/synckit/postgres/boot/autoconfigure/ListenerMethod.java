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
import org.springframework.util.ClassUtils;
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
                .filter(type -> !isGeneral(type))
                .map(EventTypes::nameOf);
    }

    /**
     * Returns the event types that follow from the class of the payload; empty for all.
     *
     * @throws InvalidConfigException if no payload class is known for an interface or an abstract class
     */
    Set<String> eventTypes() {
        if (payload == null) {
            return Set.of();
        }
        Class<?> raw = ResolvableType.forType(payload).toClass();
        Optional<String> only = typeOfPayload();
        if (only.isPresent()) {
            require(
                    !raw.getName().startsWith("java."),
                    "has the payload " + raw.getName()
                            + ", which is not of one event type; name the types in the annotation");
            return Set.of(only.get());
        }
        require(
                !Iterable.class.isAssignableFrom(raw),
                "has the payload " + raw.getSimpleName() + "; a method that handles batches has List<StoredEvent>");
        Set<String> names = types.assignableTo(raw);
        require(
                !names.isEmpty(),
                "has the payload " + raw.getName()
                        + ", of which no class with @EventType is known; annotate its classes, or name the types in the annotation");
        List<String> unknown = EventTypes.permitted(raw)
                .filter(this::isUnknown)
                .map(Class::getName)
                .toList();
        require(
                unknown.isEmpty(),
                "has the payload " + raw.getName() + ", which permits " + unknown
                        + " without @EventType, so their events would not be received; annotate them, or name the types in the"
                        + " annotation");
        return names;
    }

    private boolean isUnknown(Class<?> type) {
        return !isGeneral(type)
                && types.classOf(EventTypes.nameOf(type))
                        .filter(known -> known == type)
                        .isEmpty();
    }

    /** A class of which there are no objects stands for all that extend it. */
    private static boolean isGeneral(Class<?> type) {
        return type.isInterface() || type == Object.class || Modifier.isAbstract(type.getModifiers());
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
        return types.classOf(event.type())
                .filter(known -> ResolvableType.forType(type).toClass().isAssignableFrom(known))
                .<Object>map(event::dataAs)
                .orElseGet(() -> event.dataAs(type));
    }

    private static boolean returnsLater(Class<?> type) {
        return Stream.of(Future.class, CompletionStage.class, Flow.Publisher.class)
                        .anyMatch(later -> later.isAssignableFrom(type))
                || ClassUtils.getAllInterfacesForClassAsSet(type).stream()
                        .map(Class::getName)
                        .anyMatch("org.reactivestreams.Publisher"::equals);
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
        try {
            return AopUtils.selectInvocableMethod(method, exposed);
        } catch (IllegalStateException e) {
            throw new InvalidConfigException("listener", "method " + this + " cannot be called: " + e.getMessage());
        }
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
