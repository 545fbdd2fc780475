package io.synckit;

import java.util.Iterator;
import java.util.List;

/**
 * One page of events.
 *
 * @param events the events in the order of their versions, at most the limit
 * @param next the checkpoint: the {@code since} of the next read. It is the version of the last event, or a higher one if
 *     later events do not match. For a read of the whole log, no event at or below it can appear later. For a query with the newest events first it is the upper bound of the next page,
 *     and no checkpoint
 * @param hasMore whether there are more events than the limit
 */
public record EventPage(List<StoredEvent> events, Version next, boolean hasMore) implements Iterable<StoredEvent> {

    public EventPage {
        events = List.copyOf(events);
    }

    /** Returns the number of events. */
    public int size() {
        return events.size();
    }

    @Override
    public Iterator<StoredEvent> iterator() {
        return events.iterator();
    }
}
