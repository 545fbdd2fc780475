package io.synckit.postgres.internal.listen;

import io.synckit.StoredEvent;
import io.synckit.Version;
import io.synckit.postgres.internal.runtime.Clock;
import io.synckit.postgres.internal.runtime.Watchdog;
import io.synckit.postgres.internal.sql.VersionQueries;
import io.synckit.postgres.internal.sql.VersionQueries.Tally;
import io.synckit.subscription.ListenerStatus;
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
 * Remembers which versions the reader has published, one bit for each, and compares them with the table some time later. An event that
 * has appeared at or below a published position was skipped by every subscription. Thread-safe.
 */
public final class Auditor {

    private static final Logger log = LoggerFactory.getLogger(Auditor.class);

    /** Bits in one range. */
    private static final int MOST_VERSIONS = 1 << 16;

    /** Ranges that wait for their comparison, of about 8 KB each. */
    private static final int MOST_RANGES = 128;

    private static final int MOST_NAMED = 10;

    private final VersionQueries queries;
    private final long delay;
    private final Clock clock;
    private final Deque<Range> closed = new ArrayDeque<>();
    private @Nullable Range open;
    private ListenerStatus.Audit report = new ListenerStatus.Audit(null, 0, 0, List.of(), 0);

    /** @param delay time between the publication of events and their comparison */
    public Auditor(VersionQueries queries, Duration delay, Clock clock) {
        this.clock = clock;
        this.queries = queries;
        this.delay = delay.toNanos();
    }

    public synchronized ListenerStatus.Audit report() {
        return report;
    }

    /** The reader continues after this version. It has published nothing in between. */
    synchronized void startAfter(long after) {
        Range range = open;
        if (range != null && range.upTo > range.after) {
            close(range);
        }
        open = new Range(after, clock.nanos());
    }

    /** The log is another one. What was published cannot be compared with it. */
    synchronized void restartAfter(long after) {
        Range range = open;
        if (range != null) {
            closed.add(range);
        }
        closed.forEach(this::drop);
        closed.clear();
        open = new Range(after, clock.nanos());
    }

    private void drop(Range range) {
        report = new ListenerStatus.Audit(
                report.checkedUpTo(),
                report.checked(),
                report.lost(),
                report.firstLost(),
                report.unchecked() + range.versions.cardinality());
    }

    /** The reader has published all events of a page. */
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
            range = new Range(version - 1, clock.nanos());
            open = range;
        }
        range.versions.set((int) (version - range.after - 1));
    }

    private void close(Range range) {
        range.closedAt = clock.nanos();
        closed.add(range);
        if (closed.size() > MOST_RANGES) {
            drop(closed.remove());
        }
    }

    /** Returns whether there is something to compare. */
    synchronized boolean isDue(long now) {
        Range first = closed.peek();
        return (first != null && now - first.closedAt >= delay)
                || (open != null && open.upTo > open.after && now - open.begun >= delay);
    }

    /**
     * Compares the ranges that are old enough.
     *
     * @param sameLog checked before an event is reported as lost
     */
    void check(Connection connection, Watchdog watchdog, SameLog sameLog) throws SQLException {
        long now = clock.nanos();
        closeOldRange(now);
        for (Range range = next(now); range != null; range = next(now)) {
            Range compared = range;
            Tally tally = watchdog.watch(connection, () -> queries.tally(connection, compared.after, compared.upTo));
            List<Long> lost = tally.equals(range.tally())
                    ? List.of()
                    : watchdog.watch(connection, () -> missing(connection, compared));
            if (!lost.isEmpty() && !sameLog.isOf(connection)) {
                return; // the reader will find the changed history too, and restart
            }
            checked(range, tally.events(), lost);
        }
    }

    /** Checks whether a connection leads to the log that was read. */
    interface SameLog {
        boolean isOf(Connection connection) throws SQLException;
    }

    private synchronized void closeOldRange(long now) {
        Range range = open;
        if (range != null && range.upTo > range.after && now - range.begun >= delay) {
            close(range);
            open = new Range(range.upTo, now);
        }
    }

    private synchronized @Nullable Range next(long now) {
        Range first = closed.peek();
        return first != null && now - first.closedAt >= delay ? first : null;
    }

    /** Returns the versions in the table that were not published. A published event that is no longer there was deleted for maintenance. */
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
            return; // restarted meanwhile
        }
        List<Version> named = new ArrayList<>(report.firstLost());
        lost.stream().limit(MOST_NAMED - named.size()).map(Version::of).forEach(named::add);
        report = new ListenerStatus.Audit(
                Version.of(range.upTo),
                report.checked() + events,
                report.lost() + lost.size(),
                named,
                report.unchecked());
        if (!lost.isEmpty()) {
            log.error(
                    "audit.lost: {} events were not delivered to the live subscriptions, the first at version {}; {}",
                    lost.size(),
                    lost.get(0),
                    "a program has probably stored events without the triggers of the table (docs/troubleshooting.md)");
        }
    }

    /** The versions in {@code (after, upTo]}. */
    private static final class Range {

        private final long after;
        private final long begun;
        private final BitSet versions = new BitSet();
        private long upTo;
        private long closedAt;

        Range(long after, long begun) {
            this.begun = begun;
            this.after = after;
            this.upTo = after;
        }

        Tally tally() {
            long mixed = versions.stream().mapToLong(bit -> after + 1 + bit).reduce(0, (left, right) -> left ^ right);
            return new Tally(versions.cardinality(), mixed);
        }
    }
}
