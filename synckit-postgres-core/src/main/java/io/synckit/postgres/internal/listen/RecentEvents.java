package io.synckit.postgres.internal.listen;

import io.synckit.StoredEvent;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/** The last events that the reader has published, bounded in number and size. Live subscriptions are served from them. Not thread-safe. */
public final class RecentEvents {

    private static final int MOST_EVENTS = 4096;
    private static final long MOST_CHARACTERS = 16L << 20;

    private final @Nullable StoredEvent[] ring = new @Nullable StoredEvent[MOST_EVENTS];
    private int first;
    private int size;
    private long characters;
    private long after;
    private long upTo;
    private long serverStart;
    private long readFromThisServerAfter;

    /** Returns the version after which all events are here. */
    public long after() {
        return after;
    }

    /** Returns the version up to which all events are here. */
    public long upTo() {
        return upTo;
    }

    /** Returns the number of events. */
    public int size() {
        return size;
    }

    /** Returns an event; 0 is the oldest. */
    public StoredEvent get(int index) {
        StoredEvent event = ring[(first + index) % MOST_EVENTS];
        if (event == null) {
            throw new IndexOutOfBoundsException(index);
        }
        return event;
    }

    /** Forgets all events. The next ones come after this version, from this server. */
    public void clear(long position, long newServerStart) {
        while (size > 0) {
            removeOldest();
        }
        after = position;
        upTo = position;
        serverChanged(newServerStart);
    }

    /** The next events come from another server. */
    public void serverChanged(long newServerStart) {
        serverStart = newServerStart;
        readFromThisServerAfter = upTo;
    }

    /** Returns the server that the last events were read from, see {@link io.synckit.postgres.internal.sql.ServerStart}. */
    public long serverStart() {
        return serverStart;
    }

    /** Returns whether all events after a version are here, and were read from this server. */
    public boolean hasAllAfter(long version, long otherServerStart) {
        return version >= Math.max(after, readFromThisServerAfter) && serverStart == otherServerStart;
    }

    /** Adds all events of {@code (upTo(), to]}. */
    public void add(List<StoredEvent> more, long to) {
        for (StoredEvent event : more) {
            long length = characters(event);
            while (size == MOST_EVENTS || (size > 0 && characters + length > MOST_CHARACTERS)) {
                after = get(0).version().value();
                removeOldest();
            }
            ring[(first + size) % MOST_EVENTS] = event;
            size++;
            characters += length;
        }
        upTo = to;
    }

    private void removeOldest() {
        characters -= characters(get(0));
        ring[first] = null;
        first = (first + 1) % MOST_EVENTS;
        size--;
    }

    private static long characters(StoredEvent event) {
        return event.dataJson().length() + event.metadataJson().length();
    }

    /** Returns the first wanted events after a version that is not below {@link #after()}. */
    public Slice slice(long version, Predicate<StoredEvent> wanted, long most) {
        List<StoredEvent> found = new ArrayList<>();
        for (int i = indexAfter(version); i < size; i++) {
            if (found.size() == most) {
                return new Slice(found, get(i - 1).version().value());
            }
            if (wanted.test(get(i))) {
                found.add(get(i));
            }
        }
        return new Slice(found, upTo);
    }

    /** Returns the index of the first event after a version. */
    private int indexAfter(long version) {
        int low = 0;
        int high = size;
        while (low < high) {
            int middle = (low + high) >>> 1;
            if (get(middle).version().value() <= version) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        return low;
    }

    /**
     * A part of the recent events.
     *
     * @param upTo version up to which the part holds all wanted events
     */
    public record Slice(List<StoredEvent> events, long upTo) {}
}
