package io.synckit.postgres.internal.durable;

import java.util.Collection;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/** The durable subscriptions of a process, by name. Thread-safe. */
final class DurableRegistry {

    private final Map<String, DurableSubscriber> subscribers = new ConcurrentHashMap<>();

    /** Returns false if there is one with its name. */
    boolean add(DurableSubscriber subscriber) {
        return subscribers.putIfAbsent(subscriber.name(), subscriber) == null;
    }

    boolean remove(DurableSubscriber subscriber) {
        return subscribers.remove(subscriber.name(), subscriber);
    }

    @Nullable DurableSubscriber find(String name) {
        return subscribers.get(name);
    }

    Collection<DurableSubscriber> all() {
        return subscribers.values();
    }

    Set<String> names() {
        return new TreeSet<>(subscribers.keySet());
    }

    boolean isEmpty() {
        return subscribers.isEmpty();
    }
}
