package io.synckit.postgres.internal.live;

import io.synckit.StoredEvent;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** The live subscriptions by what they want, so that an event costs the subscriptions that do not want it nothing. Not thread-safe. */
final class SubscriptionIndex {

    private final Set<LiveSubscriber> all = new LinkedHashSet<>();
    private final Set<LiveSubscriber> ofAllEvents = new LinkedHashSet<>();
    private final Map<String, Set<LiveSubscriber>> byType = new HashMap<>();
    private final Map<String, Set<LiveSubscriber>> byAggregate = new HashMap<>();

    /** Receives a subscription and how many of the published events it wants. */
    interface Offer {
        void offer(LiveSubscriber subscriber, int count);
    }

    void add(LiveSubscriber subscriber) {
        all.add(subscriber);
        SubscriptionFilter filter = subscriber.filter();
        if (filter.aggregateIds() != null) {
            add(subscriber, byAggregate, filter.aggregateIds());
        } else if (filter.types() != null) {
            add(subscriber, byType, filter.types());
        } else {
            ofAllEvents.add(subscriber);
        }
    }

    private static void add(LiveSubscriber subscriber, Map<String, Set<LiveSubscriber>> index, Set<String> keys) {
        for (String key : keys) {
            index.computeIfAbsent(key, created -> new LinkedHashSet<>(2)).add(subscriber);
        }
    }

    void remove(LiveSubscriber subscriber) {
        all.remove(subscriber);
        ofAllEvents.remove(subscriber);
        remove(subscriber, byAggregate, subscriber.filter().aggregateIds());
        remove(subscriber, byType, subscriber.filter().types());
    }

    private static void remove(
            LiveSubscriber subscriber, Map<String, Set<LiveSubscriber>> index, @Nullable Set<String> keys) {
        if (keys != null) {
            for (String key : keys) {
                index.computeIfPresent(key, (same, subscribers) -> {
                    subscribers.remove(subscriber);
                    return subscribers.isEmpty() ? null : subscribers;
                });
            }
        }
    }

    Set<LiveSubscriber> all() {
        return all;
    }

    /** Offers the events once to each subscription that wants at least one of them. */
    void offer(List<StoredEvent> events, Offer offer) {
        Map<LiveSubscriber, Integer> wanted = new LinkedHashMap<>();
        count(ofAllEvents, events, wanted);
        count(byType, events, StoredEvent::type, wanted);
        count(byAggregate, events, StoredEvent::aggregateId, wanted);
        wanted.forEach(offer::offer);
    }

    private static void count(
            Map<String, Set<LiveSubscriber>> index,
            List<StoredEvent> events,
            Function<StoredEvent, String> key,
            Map<LiveSubscriber, Integer> wanted) {
        if (index.isEmpty()) {
            return;
        }
        Map<String, List<StoredEvent>> byKey = new HashMap<>();
        for (StoredEvent event : events) {
            if (index.containsKey(key.apply(event))) {
                byKey.computeIfAbsent(key.apply(event), created -> new ArrayList<>(1))
                        .add(event);
            }
        }
        byKey.forEach((found, ofKey) -> count(index.getOrDefault(found, Set.of()), ofKey, wanted));
    }

    private static void count(
            Collection<LiveSubscriber> subscribers, List<StoredEvent> events, Map<LiveSubscriber, Integer> wanted) {
        for (LiveSubscriber subscriber : subscribers) {
            SubscriptionFilter filter = subscriber.filter();
            int count = filter.isOneKey()
                    ? events.size()
                    : (int) events.stream().filter(filter::mayAccept).count();
            if (count > 0) {
                wanted.merge(subscriber, count, Integer::sum);
            }
        }
    }
}
