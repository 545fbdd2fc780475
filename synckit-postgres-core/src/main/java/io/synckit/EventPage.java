package io.synckit;

import java.util.Iterator;
import java.util.List;

/**
 * A bounded answer to a read.
 *
 * @param events in the order of their versions, at most the limit
 * @param next what to give as {@code since} to go on: past the last event, and past everything that did not match. Safe to
 *     keep: no event at or below it will ever appear later
 * @param hasMore whether the limit cut the answer off
 */
public record EventPage(List<StoredEvent> events, Version next, boolean hasMore) implements Iterable<StoredEvent> {

    public EventPage {
        events = List.copyOf(events);
    }

    /** How many events this page has. */
    public int size() {
        return events.size();
    }

    @Override
    public Iterator<StoredEvent> iterator() {
        return events.iterator();
    }
}
