package io.synckit.postgres.internal.append;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * Chooses the appends that one statement can store: no id occurs twice, and an aggregate with a guarded append has no other one, because the
 * statement compares the stream version before it stores. An append that cannot be in the group excludes the later ones of its aggregate, so
 * that their order is kept. Not thread-safe.
 */
final class CommitGroup {

    /** Events in a group. A larger group makes no event cheaper. */
    static final int MAX_EVENTS = 1000;

    private static final long MAX_BYTES = 8L << 20;

    private final List<AcceptedAppend> appends = new ArrayList<>();
    private final Set<String> ids = new HashSet<>();
    private final Set<String> aggregates = new HashSet<>();
    private final Set<String> excluded = new HashSet<>();
    private int events;
    private long bytes;

    /** Adds an append. Returns false if it belongs to a later group. */
    boolean add(AcceptedAppend append) {
        if (!fits(append)) {
            excluded.add(append.aggregateId());
            return false;
        }
        appends.add(append);
        append.rows().forEach(row -> ids.add(row.id()));
        aggregates.add(append.aggregateId());
        events += append.events();
        bytes += append.bytes();
        if (append.request().isGuarded()) {
            excluded.add(append.aggregateId());
        }
        return true;
    }

    /** An append that is larger than the limits is a group of its own. */
    private boolean fits(AcceptedAppend append) {
        return appends.isEmpty()
                || events + append.events() <= MAX_EVENTS
                        && bytes + append.bytes() <= MAX_BYTES
                        && !excluded.contains(append.aggregateId())
                        && !(append.request().isGuarded() && aggregates.contains(append.aggregateId()))
                        && append.rows().stream().noneMatch(row -> ids.contains(row.id()));
    }

    boolean isFull() {
        return events >= MAX_EVENTS || bytes >= MAX_BYTES;
    }

    /** Returns the appends in the order in which they were added. */
    List<AcceptedAppend> appends() {
        return appends;
    }
}
