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
import java.util.function.LongPredicate;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Finds stale checkpoints: at or after the first replaced event, or beyond the end of the log. A fail-over or a restore sets checkpoints back
 * together with the events, so they are stale only if the events alone were replaced.
 *
 * <p>A checkpoint is compared with replaced events only if this process was also its former owner. Another owner may have moved it on the
 * new log.
 * Thread-safe.
 */
final class CheckpointCheck {

    private final Database database;
    private final LongSupplier published;
    private final LongPredicate isReadFrom;
    private final Clock clock;
    private final Map<PartitionId, LastClaim> claims = new HashMap<>();
    private @Nullable HistoryChange lastChange;

    /**
     * @param published the version up to which this process has read
     * @param isReadFrom returns whether this process reads from the server with this start
     */
    CheckpointCheck(Database database, LongSupplier published, LongPredicate isReadFrom, Clock clock) {
        this.database = database;
        this.published = published;
        this.isReadFrom = isReadFrom;
        this.clock = clock;
    }

    /** Returns the last history change; null if there was none. */
    synchronized @Nullable HistoryChange lastChange() {
        return lastChange;
    }

    /** Marks the claims that were made before the change, so that their checkpoints are compared. */
    synchronized void historyChanged(HistoryChange change) {
        lastChange = change;
        claims.replaceAll((id, last) -> last.after(change));
    }

    /** The log is unchanged on another server, so the checkpoints that were claimed before belong to its log too. */
    synchronized void serverChanged(long serverStart) {
        claims.replaceAll((id, last) -> new LastClaim(serverStart, last.change));
    }

    /** Forgets what is known of a partition that another process may have had. To be called after each claim, before its start. */
    synchronized void claimed(Claim claim) {
        if (!claim.isAgain()) {
            claims.remove(claim.id());
        }
    }

    /** Returns the failure if the checkpoint of a claim is stale; empty if it is not. */
    Optional<HistoryChangedException> problem(Claim claim) {
        long position = claim.position();
        HistoryChange change = unchecked(claim.id());
        if (change != null && position >= change.firstReplaced()) {
            HistoryChangedException failure = change.failure();
            return Optional.of(stale(position, failure.safe(), failure.detectedAt()));
        }
        if (position <= published.getAsLong()) {
            return Optional.empty();
        }
        long head = database.query(connection ->
                database.horizons.horizon(connection).requirePrimary().head());
        return position <= head ? Optional.empty() : Optional.of(stale(position, Version.ZERO, clock.now()));
    }

    /**
     * Returns the history change with which this process must compare the next claim of a partition, before another process may claim it; null
     * if there is none.
     */
    synchronized @Nullable HistoryChange unchecked(PartitionId id) {
        LastClaim last = claims.get(id);
        return last == null ? null : last.change;
    }

    /**
     * Remembers a claim that was started. Returns whether the history has changed since the claim began, so that it must be made
     * again.
     *
     * @param before the last history change when the claim began; null if there was none
     * @param problem whether the checkpoint is stale. Then the next claim is compared again
     */
    synchronized boolean remember(Claim claim, @Nullable HistoryChange before, boolean problem) {
        long server = claim.held().serverStart();
        LastClaim owned = claims.getOrDefault(claim.id(), new LastClaim(server, null));
        HistoryChange change = lastChange;
        if (change != null && change != before && owned.server == change.formerServer()) {
            claims.put(claim.id(), owned.after(change));
            return true;
        }
        // Until the reader is at the server of the claim, it may still find that the log has changed.
        long since = isReadFrom.test(server) ? server : owned.server;
        claims.put(claim.id(), new LastClaim(since, problem ? owned.change : null));
        return false;
    }

    private static HistoryChangedException stale(long position, Version safe, Instant detectedAt) {
        return new HistoryChangedException(Version.of(position), safe, detectedAt);
    }

    /**
     * @param server the server on which the checkpoint was last known to match the log
     * @param change the one since then with the lowest replaced version; null if there was none
     */
    private record LastClaim(long server, @Nullable HistoryChange change) {

        LastClaim after(HistoryChange next) {
            boolean lower = change == null || next.firstReplaced() < change.firstReplaced();
            return server == next.formerServer() && lower ? new LastClaim(server, next) : this;
        }
    }
}
