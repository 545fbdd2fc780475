package io.synckit;

import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/** Payload classes and their event types. Immutable. */
public final class EventTypes {

    /** Metadata key of the revision of the payload. An event without it has revision 1. */
    public static final String REVISION = "revision";

    private final Map<String, Class<?>> classes;

    private EventTypes(Map<String, Class<?>> classes) {
        this.classes = classes;
    }

    /**
     * Returns the types of these classes.
     *
     * @throws InvalidConfigException if two classes have the same type
     */
    public static EventTypes of(Collection<Class<?>> classes) {
        Map<String, Class<?>> byName = new LinkedHashMap<>();
        for (Class<?> type : classes) {
            Class<?> other = byName.putIfAbsent(nameOf(type), type);
            if (other != null && other != type) {
                throw new InvalidConfigException(
                        "eventTypes",
                        "have '" + nameOf(type) + "' for both " + other.getName() + " and " + type.getName()
                                + "; give one of them another name with @EventType");
            }
        }
        return new EventTypes(byName);
    }

    /** Returns the event type of a payload class: the value of {@link EventType}, or its simple name. */
    public static String nameOf(Class<?> payload) {
        Class<?> declared = declared(payload);
        EventType annotation = declared.getAnnotation(EventType.class);
        return annotation == null ? declared.getSimpleName() : annotation.value();
    }

    /** A constant of an enum can have a class of its own. */
    private static Class<?> declared(Class<?> payload) {
        Class<?> parent = payload.getSuperclass();
        return parent != null && parent.isEnum() ? parent : payload;
    }

    /** Returns the revision of a payload class. */
    static int revisionOf(Class<?> payload) {
        EventType annotation = declared(payload).getAnnotation(EventType.class);
        return annotation == null ? 1 : annotation.revision();
    }

    /** Returns the revision of the payload of an event. */
    static int revisionOf(StoredEvent event) {
        return event.metadataJson().contains('"' + REVISION + '"')
                        && event.metadata().get(REVISION) instanceof Number stored
                ? stored.intValue()
                : 1;
    }

    /** Returns whether an event has a later revision than a class with its type. */
    static boolean isOlder(Class<?> payload, StoredEvent event) {
        return payload.isAnnotationPresent(EventType.class)
                && nameOf(payload).equals(event.type())
                && revisionOf(payload) < revisionOf(event);
    }

    /** Returns a class and, if it is sealed, those that it permits, directly or not. The classes of the constants of an enum are not among them. */
    public static Stream<Class<?>> withPermitted(Class<?> type) {
        return type.isSealed() && !type.isEnum()
                ? Stream.concat(
                        Stream.of(type),
                        Stream.of(type.getPermittedSubclasses()).flatMap(EventTypes::withPermitted))
                : Stream.of(type);
    }

    /** Returns the payload class of an event type. */
    public Optional<Class<?>> classOf(String type) {
        return Optional.ofNullable(classes.get(type));
    }

    /** Returns the types of the classes that can be assigned to this one. */
    public Set<String> assignableTo(Class<?> general) {
        Set<String> names = new LinkedHashSet<>();
        classes.forEach((name, type) -> {
            if (general.isAssignableFrom(type)) {
                names.add(name);
            }
        });
        return names;
    }
}
