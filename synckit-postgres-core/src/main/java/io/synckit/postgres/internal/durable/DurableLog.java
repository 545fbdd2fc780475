package io.synckit.postgres.internal.durable;

import io.synckit.Event;
import io.synckit.StoredEvent;
import io.synckit.internal.Texts;
import io.synckit.postgres.internal.live.PageReader;
import io.synckit.postgres.internal.live.SubscriptionFilter;
import io.synckit.postgres.internal.live.Subscriptions;
import io.synckit.postgres.internal.sql.EventFilter;
import io.synckit.postgres.internal.sql.EventQueries;
import io.synckit.postgres.internal.sql.PartitionClaims.Held;
import io.synckit.subscription.DurableOptions;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Predicate;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Reads the events of the partitions of a durable subscription: from the recent events of the process, or pages of the table. The partitions share
 * the last pages, so that usually one of them reads for all. Thread-safe.
 */
final class DurableLog {

    /** Events that match, in a slice of the recent events. */
    private static final int SLICE = 256;

    private static final int SHARED_PAGES = 3;

    private final DurableOptions options;
    private final SubscriptionFilter filter;
    private final Subscriptions live;
    private final PageReader pages;
    private final ReentrantLock lock = new ReentrantLock();
    private final Deque<Page> shared = new ArrayDeque<>();

    /** How often the shared pages were forgotten because the log may be another one. */
    private volatile long changes;

    DurableLog(DurableOptions options, SubscriptionFilter filter, Subscriptions live, PageReader pages) {
        this.options = options;
        this.filter = filter;
        this.live = live;
        this.pages = pages;
    }

    /** Returns whether an event may match. Evaluates the cheap filters only. */
    boolean mayAccept(StoredEvent event) {
        return filter.mayAccept(event);
    }

    /** Returns the version up to which events can be handled. */
    long published() {
        return live.published();
    }

    /**
     * Returns the next events of a partition; empty if the reader of the process is at another server than that of the claim. The slice ends
     * at the position if there are no events, and before an event without a valid key.
     *
     * @throws InvalidKeyException if the event directly after the position has no valid key, so that its partition is not known
     * @throws OwnershipLostException if a page was read from another server than that of the claim
     */
    Optional<Slice> next(Held held, long position) {
        long changesBefore = changes;
        OptionalLong published = live.published(held.serverStart());
        return published.isEmpty()
                ? Optional.empty()
                : Optional.of(next(held, position, published.getAsLong(), changesBefore));
    }

    private Slice next(Held held, long position, long published, long changesBefore) {
        if (published <= position) {
            return new Slice(List.of(), position);
        }
        Page page = live.recentAfter(position, held.serverStart(), filter::mayAccept, SLICE)
                .map(recent -> new Page(position, recent.upTo(), recent.events(), held.serverStart()))
                .orElse(null);
        if (page == null) {
            page = page(held, position, published, changesBefore);
        } else {
            forgetPages(position);
        }
        return slice(
                page.events,
                position,
                page.upTo,
                item -> KeyPartitions.of(item.key, options.partitions())
                        == held.id().partition());
    }

    /**
     * Returns the events after a version that match. Ends before an event without a valid key.
     *
     * @throws InvalidKeyException if that event is directly after the version
     */
    private Slice slice(List<StoredEvent> events, long after, long upTo, Predicate<Item> selects) {
        List<Item> items = new ArrayList<>();
        for (StoredEvent event : events) {
            long version = event.version().value();
            try {
                Item item = version > after ? item(event) : null;
                if (item != null && selects.test(item)) {
                    items.add(item);
                }
            } catch (InvalidKeyException e) {
                if (version - 1 == after) {
                    throw e;
                }
                return new Slice(items, version - 1);
            }
        }
        return new Slice(items, upTo);
    }

    /** @param changesBefore the changes when {@code published} was read. If there was another one since, the page is not shared */
    private Page page(Held held, long position, long published, long changesBefore) {
        lock.lock();
        try {
            for (Page page : shared) {
                if (page.after <= position && position < page.upTo && page.serverStart == held.serverStart()) {
                    return page;
                }
            }
            EventQueries.Page read = read(held, position, published, filter.ofDatabase(), pages.size());
            Page page = new Page(position, read.upTo(), read.events(), held.serverStart());
            if (options.partitions() > 1 && changes == changesBefore) {
                if (shared.size() == SHARED_PAGES) {
                    shared.removeFirst();
                }
                shared.addLast(page);
            }
            return page;
        } finally {
            lock.unlock();
        }
    }

    private EventQueries.Page read(Held held, long since, long upTo, EventFilter inDatabase, int limit) {
        return pages.readFrom(held.serverStart(), since, upTo, inDatabase, limit)
                .orElseThrow(() -> new OwnershipLostException(held.id()));
    }

    private void forgetPages(long position) {
        lock.lock();
        try {
            shared.removeIf(page -> page.upTo <= position);
        } finally {
            lock.unlock();
        }
    }

    /** Forgets all pages, because they may be of another log. */
    void forgetPages() {
        lock.lock();
        try {
            changes++;
            shared.clear();
        } finally {
            lock.unlock();
        }
    }

    /**
     * Returns events of a key in {@code [from, upTo]}. The slice may be empty and end before {@code upTo}. It ends before an event without a
     * valid key.
     *
     * @throws InvalidKeyException if that event is at {@code from}
     */
    Slice ofKey(Held held, String key, long from, long upTo, int limit) {
        boolean keyed = options.keyedBy().isPresent();
        EventFilter inDatabase = keyed ? filter.ofDatabase() : filter.ofDatabaseAndAggregate(key);
        EventQueries.Page page = read(held, from - 1, upTo, inDatabase, limit);
        return slice(page.events(), from - 1, page.upTo(), item -> item.key.equals(key));
    }

    /** Returns the event at a version, if it matches. Its key is the one that it had when it was read before, even if {@code keyedBy} now returns another one. */
    Slice one(Held held, String key, long version) {
        List<Item> items = read(held, version - 1, version, filter.ofDatabase(), 1).events().stream()
                .map(event -> item(event, () -> key))
                .filter(Objects::nonNull)
                .toList();
        return new Slice(items, version);
    }

    private @Nullable Item item(StoredEvent event) {
        return item(event, () -> options.keyedBy().isPresent() ? key(event) : event.aggregateId());
    }

    /** Returns null if the event does not match. A filter that throws is a failure of the event. */
    private @Nullable Item item(StoredEvent event, Supplier<String> key) {
        Throwable failure = null;
        try {
            if (!filter.mayAccept(event) || !filter.accepts(event)) {
                return null;
            }
        } catch (Throwable e) {
            failure = e;
        }
        return new Item(event, key.get(), failure);
    }

    private String key(StoredEvent event) {
        String key;
        try {
            key = options.keyedBy().orElseThrow().apply(event);
        } catch (Throwable e) {
            throw InvalidKeyException.threw(options, event, e);
        }
        if (key == null) {
            throw InvalidKeyException.returnedNull(options, event);
        }
        if (key.length() > Event.MAX_KEY_LENGTH || Texts.unstorable(key) != null) {
            throw InvalidKeyException.returned(options, event, key);
        }
        return key;
    }

    private record Page(long after, long upTo, List<StoredEvent> events, long serverStart) {}

    /**
     * Matching events of a partition or of a key.
     *
     * @param upTo version up to which the slice holds all of them
     */
    record Slice(List<Item> items, long upTo) {}

    /**
     * An event.
     *
     * @param failure why the filter could not be evaluated; null if it could
     */
    record Item(StoredEvent event, String key, @Nullable Throwable failure) {

        long version() {
            return event.version().value();
        }
    }
}
