package io.synckit.postgres.notification;

import io.synckit.StoredEvent;
import io.synckit.Version;
import io.synckit.postgres.internal.jdbc.EventQueries;
import io.synckit.postgres.internal.jdbc.EventQueries.Tally;
import io.synckit.postgres.internal.runtime.Watchdog;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Deque;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps which versions the tail has handed on, a bit for each, and some time later asks the table for the same ranges: an event that
 * has appeared below what the tail had passed was lost to every subscription.
 */
final class Auditor {

    private static final Logger log = LoggerFactory.getLogger(Auditor.class);

    /** Bits in one range. */
    private static final int MOST_VERSIONS = 1 << 16;

    /** Ranges that wait, some 8 KB each. */
    private static final int MOST_RANGES = 128;

    private static final int MOST_NAMED = 10;

    private final EventQueries queries;
    private final long delay;
    private final Deque<Range> closed = new ArrayDeque<>();
    private @Nullable Range open;
    private AuditReport report = new AuditReport(null, 0, 0, List.of(), 0);

    /** @param delay from when events were handed on to when they are compared */
    Auditor(EventQueries queries, Duration delay) {
        this.queries = queries;
        this.delay = delay.toNanos();
    }

    synchronized AuditReport report() {
        return report;
    }

    /** The tail goes on after this version; what lies between was handed to nobody. */
    synchronized void goOn(long after) {
        Range range = open;
        if (range != null && range.upTo > range.after) {
            close(range);
        }
        open = new Range(after);
    }

    /** The log is another one, and what was handed on cannot be compared with it. */
    synchronized void beginAnew(long after) {
        Range range = open;
        if (range != null) {
            closed.add(range);
        }
        closed.forEach(this::drop);
        closed.clear();
        open = new Range(after);
    }

    private void drop(Range range) {
        report = new AuditReport(
                report.checkedUpTo(),
                report.checked(),
                report.lost(),
                report.firstLost(),
                report.unchecked() + range.versions.cardinality());
    }

    /** The tail has handed on all events of a page. */
    synchronized void delivered(List<StoredEvent> events, long upTo) {
        for (StoredEvent event : events) {
            add(event.version().value());
        }
        if (open != null) {
            open.upTo = upTo;
        }
    }

    private void add(long version) {
        Range range = open;
        if (range == null) {
            return;
        }
        if (version - range.after > MOST_VERSIONS) {
            range.upTo = version - 1;
            close(range);
            range = new Range(version - 1);
            open = range;
        }
        range.versions.set((int) (version - range.after - 1));
    }

    private void close(Range range) {
        range.closedAt = System.nanoTime();
        closed.add(range);
        if (closed.size() > MOST_RANGES) {
            drop(closed.remove());
        }
    }

    /** Whether a check would have something to do. */
    synchronized boolean isDue(long now) {
        Range first = closed.peek();
        return (first != null && now - first.closedAt >= delay)
                || (open != null && open.upTo > open.after && now - open.begun >= delay);
    }

    /**
     * Compares what is old enough.
     *
     * @param sameLog whether the log of this connection is the one that was handed on; asked before anything is called lost
     */
    void check(Connection connection, Watchdog watchdog, SameLog sameLog) throws SQLException {
        long now = System.nanoTime();
        closeWhatIsOld(now);
        for (Range range = next(now); range != null; range = next(now)) {
            Range compared = range;
            Tally tally = watchdog.watch(connection, () -> queries.tally(connection, compared.after, compared.upTo));
            List<Long> lost = tally.equals(range.tally())
                    ? List.of()
                    : watchdog.watch(connection, () -> missing(connection, compared));
            if (!lost.isEmpty() && !sameLog.isOf(connection)) {
                return; // the tail will find out too, and begin anew
            }
            checked(range, tally.events(), lost);
        }
    }

    /** Whether a connection leads to the log that was read. */
    interface SameLog {
        boolean isOf(Connection connection) throws SQLException;
    }

    private synchronized void closeWhatIsOld(long now) {
        Range range = open;
        if (range != null && range.upTo > range.after && now - range.begun >= delay) {
            close(range);
            open = new Range(range.upTo);
        }
    }

    private synchronized @Nullable Range next(long now) {
        Range first = closed.peek();
        return first != null && now - first.closedAt >= delay ? first : null;
    }

    /** In the table, and not handed on. What is not there any more was deleted for maintenance: that is no loss. */
    private List<Long> missing(Connection connection, Range range) throws SQLException {
        List<Long> missing = new ArrayList<>();
        for (long version : queries.versions(connection, range.after, range.upTo)) {
            long bit = version - range.after - 1;
            if (bit >= MOST_VERSIONS || !range.versions.get((int) bit)) {
                missing.add(version);
            }
        }
        return missing;
    }

    private synchronized void checked(Range range, long events, List<Long> lost) {
        if (!closed.remove(range)) {
            return; // the tail has begun anew meanwhile
        }
        List<Version> named = new ArrayList<>(report.firstLost());
        lost.stream().limit(MOST_NAMED - named.size()).map(Version::of).forEach(named::add);
        report = new AuditReport(
                Version.of(range.upTo),
                report.checked() + events,
                report.lost() + lost.size(),
                named,
                report.unchecked());
        if (!lost.isEmpty()) {
            log.error(
                    "audit.lost: {} events were not handed to the live subscriptions, the first at version {}; {}",
                    lost.size(),
                    lost.get(0),
                    "look who has written past the fence (docs/troubleshooting.md)");
        }
    }

    /** Everything in {@code (after, upTo]}. */
    private static final class Range {

        private final long after;
        private final long begun = System.nanoTime();
        private final BitSet versions = new BitSet();
        private long upTo;
        private long closedAt;

        Range(long after) {
            this.after = after;
            this.upTo = after;
        }

        Tally tally() {
            long mixed = versions.stream().mapToLong(bit -> after + 1 + bit).reduce(0, (left, right) -> left ^ right);
            return new Tally(versions.cardinality(), mixed);
        }
    }
}
