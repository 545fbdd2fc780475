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
import java.util.HashMap;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.locks.LockSupport;
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

    /** Who has led for so long does not count any more: a connection that hangs holds up those on it, and nobody else. */
    static final Duration PATIENCE = Duration.ofMillis(50);

    private final EventAppender appender;
    private final String table;
    private final long patience;
    private final ReentrantLock lock = new ReentrantLock();
    private final Deque<Member> waiting = new ArrayDeque<>();

    /** Those who lead, and since when. */
    private final Map<Member, Long> leading = new HashMap<>();

    /** How many are writing to an aggregate, together or alone: the next event of it waits for them. */
    private final Map<String, Integer> beingWritten = new HashMap<>();

    private final Concurrency concurrency = new Concurrency(System.nanoTime());

    WriteGroups(EventAppender appender, String table, Duration patience) {
        this.appender = appender;
        this.table = table;
        this.patience = patience.toNanos();
    }

    /**
     * Stores the event, together with others if nothing is in its way, otherwise alone.
     *
     * @throws EventStoreException as {@link EventAppender#append}; or that something broke that is not the database, and the event may be
     *     stored
     */
    AppendResult append(EventRow row, ExpectedStreamVersion expected, AppendOptions options) {
        if (Thread.currentThread().isInterrupted()) {
            // It may not get a connection, or lose it.
            return appender.append(List.of(row), expected, options, false).get(0);
        }
        Member member = new Member(row, expected, options);
        boolean leads = enter(member);
        try {
            Turn turn = leads ? Turn.LEAD : await(member);
            AppendResult stored = (turn.leads ? lead(member) : turn).result();
            return stored != null
                    ? stored
                    : appender.append(List.of(row), expected, options, true).get(0);
        } finally {
            leave(member);
        }
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
            if (hasRoom() && !beingWritten.containsKey(member.aggregateId())) {
                begin(member);
                leading.put(member, System.nanoTime());
                return true;
            }
            waiting.addLast(member);
            return false;
        } finally {
            lock.unlock();
        }
    }

    private boolean hasRoom() {
        int most = concurrency.most();
        if (leading.size() < most) {
            return true;
        }
        long now = System.nanoTime();
        return leading.values().stream().filter(since -> now - since < patience).count() < most;
    }

    /** The member is not waiting any more, or never was. */
    private void begin(Member member) {
        beingWritten.merge(member.aggregateId(), 1, Integer::sum);
        member.writing = true;
    }

    /** Not by a future: whoever waits for one may be given other work to do meanwhile, by the pool that it belongs to. */
    private Turn await(Member member) {
        long end = member.came + patience;
        while (member.turn == null) {
            long left = end - System.nanoTime();
            boolean interrupted = Thread.currentThread().isInterrupted();
            if ((left <= 0 || interrupted) && givesUp(member, interrupted)) {
                return member.turn == null ? Turn.ALONE : member.turn;
            }
            if (left > 0 && !interrupted) {
                LockSupport.parkNanos(this, left);
            } else {
                awaitStored(member);
            }
        }
        return member.turn;
    }

    /** It is in a group, which tells it what has become of its event, however long that takes. */
    private static void awaitStored(Member member) {
        boolean interrupted = false;
        while (member.turn == null) {
            LockSupport.park(member);
            interrupted |= Thread.interrupted();
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    /** Whether the member was still waiting: then it leads, or goes alone if that would not do. */
    private boolean givesUp(Member member, boolean interrupted) {
        lock.lock();
        try {
            if (!waiting.remove(member)) {
                return false;
            }
            if (!interrupted && !beingWritten.containsKey(member.aggregateId())) {
                leading.put(member, System.nanoTime());
                member.turn = Turn.LEAD;
            }
            begin(member);
            return true;
        } finally {
            lock.unlock();
        }
    }

    /** Stores the group and tells the others. */
    private Turn lead(Member leader) {
        List<Member> group = new ArrayList<>(List.of(leader));
        Function<Member, Turn> turns = member -> Turn.ALONE;
        try {
            gather(leader, group);
            turns = store(group);
            return turns.apply(leader);
        } catch (RuntimeException | Error e) {
            turns = member -> Turn.failed(() -> GroupCommit.mayBeStored(
                    "an error that is not the database's came when the event was stored: " + e, e));
            throw e;
        } finally {
            over(group, turns);
        }
    }

    private Function<Member, Turn> store(List<Member> group) {
        try {
            Map<String, AppendResult> stored = appender.appendUnhindered(
                    group.stream().map(member -> member.row).toList(),
                    group.stream().map(member -> member.expected).toList(),
                    group.stream().anyMatch(member -> member.options.onDuplicate() == OnDuplicate.RETURN_EXISTING));
            return member -> Turn.stored(stored.get(member.row.id()));
        } catch (SQLException e) {
            // Only the server's word for it says that nothing is stored.
            boolean nothingStored = SqlFailure.isRefusal(e);
            boolean again = nothingStored && (group.size() > 1 || appender.mayTryAgain(e));
            return again
                    ? member -> Turn.ALONE
                    : member -> Turn.failed(() -> SqlFailure.named("append to " + table, e));
        }
    }

    /** Those who wait and can be in a transaction with the leader. */
    private void gather(Member leader, List<Member> group) {
        lock.lock();
        try {
            if (waiting.isEmpty()) {
                return;
            }
            Set<String> ids = new HashSet<>(Set.of(leader.row.id()));
            Set<String> own = new HashSet<>(Set.of(leader.aggregateId()));
            Set<String> guarded = new HashSet<>(leader.guarded ? own : Set.of());
            long bytes = leader.row.bytes();
            Iterator<Member> all = waiting.iterator();
            while (all.hasNext() && group.size() < MOST_IN_GROUP) {
                Member member = all.next();
                String aggregateId = member.aggregateId();
                boolean possible = own.contains(aggregateId)
                        ? !member.guarded && !guarded.contains(aggregateId)
                        : !beingWritten.containsKey(aggregateId);
                if (possible && bytes + member.row.bytes() <= MOST_BYTES_IN_GROUP && ids.add(member.row.id())) {
                    group.add(member);
                    all.remove();
                    begin(member);
                    bytes += member.row.bytes();
                    own.add(aggregateId);
                    if (member.guarded) {
                        guarded.add(aggregateId);
                    }
                }
            }
        } finally {
            lock.unlock();
        }
    }

    /** The group's transaction is over: the next ones begin, and its members hear. Who is to store alone keeps its aggregate meanwhile. */
    private void over(List<Member> group, Function<Member, Turn> turns) {
        List<Turn> told = group.stream().map(turns).toList();
        lock.lock();
        try {
            leading.remove(group.get(0));
            long now = System.nanoTime();
            for (int i = 0; i < group.size(); i++) {
                concurrency.stored(group.get(i).came, now);
                if (told.get(i) != Turn.ALONE) {
                    end(group.get(i));
                }
            }
            beginNext();
        } finally {
            lock.unlock();
        }
        for (int i = 1; i < group.size(); i++) {
            group.get(i).told(told.get(i));
        }
    }

    /** Nothing of the member is under way any more. */
    private void leave(Member member) {
        lock.lock();
        try {
            waiting.remove(member);
            leading.remove(member);
            end(member);
            beginNext();
        } finally {
            lock.unlock();
        }
    }

    private void end(Member member) {
        if (member.writing) {
            member.writing = false;
            beingWritten.computeIfPresent(member.aggregateId(), (id, count) -> count == 1 ? null : count - 1);
        }
    }

    /** Whoever waits for its aggregate, or for a place, goes on. */
    private void beginNext() {
        Iterator<Member> all = waiting.iterator();
        while (all.hasNext() && hasRoom()) {
            Member next = all.next();
            if (!beingWritten.containsKey(next.aggregateId())) {
                all.remove();
                begin(next);
                leading.put(next, System.nanoTime());
                next.told(Turn.LEAD);
            }
        }
    }

    /** A caller's event. */
    private static final class Member {

        final EventRow row;
        final ExpectedStreamVersion expected;
        final AppendOptions options;
        final boolean guarded;
        final Thread caller = Thread.currentThread();
        final long came = System.nanoTime();
        boolean writing;
        volatile @Nullable Turn turn;

        Member(EventRow row, ExpectedStreamVersion expected, AppendOptions options) {
            this.row = row;
            this.expected = expected;
            this.options = options;
            this.guarded = expected.kind() != ExpectedStreamVersion.Kind.ANY;
        }

        String aggregateId() {
            return row.aggregateId();
        }

        void told(Turn told) {
            turn = told;
            LockSupport.unpark(caller);
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
