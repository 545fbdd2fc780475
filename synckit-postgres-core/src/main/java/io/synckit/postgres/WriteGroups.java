package io.synckit.postgres;

import io.synckit.AppendOptions;
import io.synckit.AppendResult;
import io.synckit.EventStoreException;
import io.synckit.ExpectedStreamVersion;
import io.synckit.OnDuplicate;
import io.synckit.postgres.internal.jdbc.EventRow;
import io.synckit.postgres.internal.jdbc.SqlFailure;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Callers that store one event each at the same time share a transaction: while as many groups are under way as {@link Concurrency}
 * allows, who comes waits; when one is over, the first of those who wait leads the next, which is to store the events of all of them.
 * Nobody waits when nobody else stores, and no timer lets a group grow.
 *
 * <p>An event gets into a group's transaction only if nothing is in its way. If something is (another transaction writes to its
 * aggregate, its id is taken, its expectation is not met, the statement fails), its caller stores it in a transaction of its own, and
 * hears its own error. So callers share nothing but the commit and the connection.
 */
final class WriteGroups {

    /** More makes no event cheaper, and each takes an advisory lock. */
    static final int MOST_IN_GROUP = 64;

    static final long MOST_BYTES_IN_GROUP = 256L << 10;

    /** Who has waited for so long leads, whoever else does: a connection that hangs holds up those on it, and nobody else. */
    static final Duration PATIENCE = Duration.ofMillis(50);

    private final EventAppender appender;
    private final String table;
    private final Duration patience;
    private final ReentrantLock lock = new ReentrantLock();
    private final Deque<Member> waiting = new ArrayDeque<>();
    /** Aggregates that a group is writing to: the next event of one waits for that group. */
    private final Set<String> beingWritten = new HashSet<>();

    private final Concurrency concurrency = new Concurrency(System.nanoTime());
    private int leading;

    WriteGroups(EventAppender appender, String table, Duration patience) {
        this.appender = appender;
        this.table = table;
        this.patience = patience;
    }

    /**
     * Stores the event, together with others if nothing is in its way, otherwise alone.
     *
     * @throws EventStoreException as {@link EventAppender#append}; or that something broke that is not the database, and the event may be
     *     stored
     */
    AppendResult append(EventRow row, ExpectedStreamVersion expected, AppendOptions options) {
        Member member = new Member(row, expected, options, new CompletableFuture<>(), System.nanoTime());
        Turn turn = enter(member) ? Turn.LEAD : await(member);
        AppendResult stored = (turn.leads ? lead(member) : turn).result();
        return stored != null
                ? stored
                : appender.append(List.of(row), expected, options, true).get(0);
    }

    /** How many callers wait for their turn. */
    int waiting() {
        lock.lock();
        try {
            return waiting.size();
        } finally {
            lock.unlock();
        }
    }

    /** Whether the member leads; otherwise it waits. */
    private boolean enter(Member member) {
        lock.lock();
        try {
            if (leading < concurrency.most() && beingWritten.add(member.aggregateId())) {
                leading++;
                return true;
            }
            waiting.addLast(member);
            return false;
        } finally {
            lock.unlock();
        }
    }

    private Turn await(Member member) {
        boolean interrupted = false;
        try {
            return member.turn.get(patience.toNanos(), TimeUnit.NANOSECONDS);
        } catch (TimeoutException e) {
            return leadInstead(member) ? Turn.LEAD : member.turn.join();
        } catch (InterruptedException e) {
            interrupted = true;
            return leadInstead(member) ? Turn.LEAD : member.turn.join();
        } catch (ExecutionException e) {
            throw new IllegalStateException(e);
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    /** Whether the member, which waited, leads now, whoever else does. */
    private boolean leadInstead(Member member) {
        lock.lock();
        try {
            if (waiting.remove(member)) {
                leading++;
                beingWritten.add(member.aggregateId());
                return true;
            }
            return false;
        } finally {
            lock.unlock();
        }
    }

    /** Stores the group and tells the others. */
    private Turn lead(Member leader) {
        List<Member> group = new ArrayList<>();
        group.add(leader);
        Function<Member, Turn> turns = member -> Turn.ALONE;
        try {
            gather(leader, group);
            Map<String, AppendResult> stored = appender.appendUnhindered(
                    group.stream().map(Member::row).toList(),
                    group.stream().map(Member::expected).toList(),
                    group.stream().anyMatch(member -> member.options.onDuplicate() == OnDuplicate.RETURN_EXISTING));
            turns = member -> Turn.stored(stored.get(member.id()));
        } catch (SQLException e) {
            if (SqlFailure.isOfConnection(e)) {
                turns = member -> Turn.failed(() -> SqlFailure.named("append to " + table, e));
            }
        } catch (RuntimeException | Error e) {
            turns = member -> Turn.failed(() -> GroupCommit.mayBeStored(
                    "an error that is not the database's came when the event was stored: " + e, e));
            throw e;
        } finally {
            leave(group);
            for (Member member : group.subList(1, group.size())) {
                member.turn.complete(turns.apply(member));
            }
        }
        return turns.apply(leader);
    }

    /** Those who wait and can be in a transaction with the leader. */
    private void gather(Member leader, List<Member> group) {
        lock.lock();
        try {
            if (waiting.isEmpty()) {
                return;
            }
            Set<String> ids = new HashSet<>(Set.of(leader.id()));
            Set<String> own = new HashSet<>(Set.of(leader.aggregateId()));
            Set<String> guarded = new HashSet<>(leader.isGuarded() ? own : Set.of());
            long bytes = leader.row.bytes();
            Iterator<Member> all = waiting.iterator();
            while (all.hasNext() && group.size() < MOST_IN_GROUP) {
                Member member = all.next();
                String aggregateId = member.aggregateId();
                boolean possible = own.contains(aggregateId)
                        ? !member.isGuarded() && !guarded.contains(aggregateId)
                        : !beingWritten.contains(aggregateId);
                if (possible && bytes + member.row.bytes() <= MOST_BYTES_IN_GROUP && ids.add(member.id())) {
                    all.remove();
                    group.add(member);
                    bytes += member.row.bytes();
                    own.add(aggregateId);
                    if (member.isGuarded()) {
                        guarded.add(aggregateId);
                    }
                }
            }
            beingWritten.addAll(own);
        } finally {
            lock.unlock();
        }
    }

    /** The group is over; somebody who waits leads the next one. */
    private void leave(List<Member> group) {
        lock.lock();
        try {
            group.forEach(member -> beingWritten.remove(member.aggregateId()));
            leading--;
            long now = System.nanoTime();
            group.forEach(member -> concurrency.stored(member.came, now));
            Iterator<Member> all = waiting.iterator();
            while (leading < concurrency.most() && all.hasNext()) {
                Member next = all.next();
                if (beingWritten.add(next.aggregateId())) {
                    all.remove();
                    leading++;
                    next.turn.complete(Turn.LEAD);
                }
            }
        } finally {
            lock.unlock();
        }
    }

    /** A caller's event. */
    record Member(
            EventRow row,
            ExpectedStreamVersion expected,
            AppendOptions options,
            CompletableFuture<Turn> turn,
            long came) {

        String id() {
            return row.id();
        }

        String aggregateId() {
            return row.aggregateId();
        }

        boolean isGuarded() {
            return expected.kind() != ExpectedStreamVersion.Kind.ANY;
        }
    }

    /** What becomes of a member that waited: it leads, its event is stored (or not, then it is stored alone), or it hears of a failure. */
    private record Turn(
            boolean leads,
            @Nullable AppendResult stored,
            @Nullable Supplier<EventStoreException> failure) {

        static final Turn LEAD = new Turn(true, null, null);
        static final Turn ALONE = new Turn(false, null, null);

        static Turn stored(@Nullable AppendResult result) {
            return result == null ? ALONE : new Turn(false, result, null);
        }

        static Turn failed(Supplier<EventStoreException> failure) {
            return new Turn(false, null, failure);
        }

        @Nullable AppendResult result() {
            if (failure != null) {
                throw failure.get();
            }
            return stored;
        }
    }
}
