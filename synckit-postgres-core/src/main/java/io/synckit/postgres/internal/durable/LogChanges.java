package io.synckit.postgres.internal.durable;

import io.synckit.HistoryChangedException;
import io.synckit.Version;
import io.synckit.postgres.internal.listen.HistoryChange;
import io.synckit.postgres.internal.runtime.Clock;
import io.synckit.postgres.internal.sql.PartitionClaims.Claim;
import io.synckit.postgres.internal.sql.PartitionClaims.Held;
import io.synckit.postgres.internal.sql.PartitionId;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * Finds claimed positions that are of another log. After a change of the log this process claims its partitions again. If a checkpoint was
 * lost or restored together with the events, it is before the change. Thread-safe.
 */
final class LogChanges {

    private final Database database;
    private final Clock clock;
    private final Map<PartitionId, Former> former = new ConcurrentHashMap<>();
    private volatile @Nullable HistoryChange last;

    LogChanges(Database database, Clock clock) {
        this.database = database;
        this.clock = clock;
    }

    /** Returns the last change; null if there was none. */
    @Nullable HistoryChange last() {
        return last;
    }

    /** The log has changed. To be called before {@link #claimAgain}. */
    void changed(HistoryChange change) {
        last = change;
    }

    /** Ends a claim, and compares the next one with the change, unless another process claims the partition in between. */
    void claimAgain(PartitionRun run, HistoryChange change) {
        Held held = run.partition().held();
        former.put(held.id(), new Former(held.epoch(), change));
        run.abandon();
    }

    /**
     * Returns why the claimed position cannot be of the log; empty if it can.
     *
     * @param published the version up to which this process has read
     */
    Optional<HistoryChangedException> problem(Claim claim, long published) {
        long position = claim.position();
        Former before = former.remove(claim.id());
        if (before != null && claim.held().epoch() == before.epoch + 1 && position >= before.change.firstChanged()) {
            return Optional.of(before.change.failure());
        }
        if (position <= published) {
            return Optional.empty();
        }
        long head = database.query(connection ->
                database.horizons.horizon(connection).requirePrimary().head());
        return position <= head
                ? Optional.empty()
                : Optional.of(new HistoryChangedException(Version.of(position), Version.of(head), clock.now()));
    }

    private record Former(long epoch, HistoryChange change) {}
}
