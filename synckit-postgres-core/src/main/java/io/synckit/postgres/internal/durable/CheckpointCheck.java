package io.synckit.postgres.internal.durable;

import io.synckit.HistoryChangedException;
import io.synckit.Version;
import io.synckit.postgres.internal.listen.HistoryChange;
import io.synckit.postgres.internal.runtime.Clock;
import io.synckit.postgres.internal.sql.PartitionClaims.Claim;
import io.synckit.postgres.internal.sql.PartitionId;
import java.time.Instant;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Finds checkpoints of a former log. After a history change this process claims its partitions again, and compares each checkpoint with the
 * first changed version. A checkpoint that was restored together with the events is lower. Thread-safe.
 */
final class CheckpointCheck {

    private final Database database;
    private final Clock clock;
    private final Map<PartitionId, LastClaim> claims = new HashMap<>();
    private @Nullable HistoryChange lastChange;

    CheckpointCheck(Database database, Clock clock) {
        this.database = database;
        this.clock = clock;
    }

    /** Returns the last history change; null if there was none. */
    synchronized @Nullable HistoryChange lastChange() {
        return lastChange;
    }

    /** All checkpoints that this process has claimed may be of the former log. */
    synchronized void historyChanged(HistoryChange change) {
        lastChange = change;
        claims.replaceAll((id, claim) -> claim.after(change));
    }

    /**
     * Remembers a claim. Returns why its checkpoint cannot be of the log; empty if it can.
     *
     * @param before the last history change when the claim began. If there was another one since, the claim must be made again
     * @param published the version up to which this process has read
     */
    Optional<HistoryChangedException> claimed(Claim claim, @Nullable HistoryChange before, long published) {
        HistoryChange unchecked = remember(claim, before);
        if (mustBeMadeAgain(claim.id())) {
            return Optional.empty();
        }
        long position = claim.position();
        if (unchecked != null && position >= unchecked.firstChanged()) {
            return Optional.of(stale(
                    position, unchecked.failure().safe(), unchecked.failure().detectedAt()));
        }
        if (position <= published) {
            return Optional.empty();
        }
        long head = database.query(connection ->
                database.horizons.horizon(connection).requirePrimary().head());
        return position <= head ? Optional.empty() : Optional.of(stale(position, Version.of(head), clock.now()));
    }

    /** Returns the history change after the claim before; null if there was none, or if another process has had the partition since. */
    private synchronized @Nullable HistoryChange remember(Claim claim, @Nullable HistoryChange before) {
        long epoch = claim.held().epoch();
        LastClaim former = claims.get(claim.id());
        HistoryChange unchecked = former != null && former.epoch + 1 == epoch ? former.change : null;
        LastClaim now = new LastClaim(epoch, null);
        if (lastChange != null && lastChange != before) {
            now = new LastClaim(epoch, unchecked).after(lastChange);
        }
        claims.put(claim.id(), now);
        return unchecked;
    }

    /** Returns whether the history has changed since the last claim of this partition began. */
    synchronized boolean mustBeMadeAgain(PartitionId id) {
        LastClaim last = claims.get(id);
        return last != null && last.change != null;
    }

    private static HistoryChangedException stale(long position, Version safe, Instant detectedAt) {
        return new HistoryChangedException(Version.of(position), safe, detectedAt);
    }

    /** @param change the one since the claim whose unchanged part is the shortest; null if there was none */
    private record LastClaim(long epoch, @Nullable HistoryChange change) {

        LastClaim after(HistoryChange next) {
            boolean shorter = change == null || next.firstChanged() < change.firstChanged();
            return shorter ? new LastClaim(epoch, next) : this;
        }
    }
}
