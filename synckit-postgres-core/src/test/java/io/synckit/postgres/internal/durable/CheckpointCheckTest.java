package io.synckit.postgres.internal.durable;

import static org.assertj.core.api.Assertions.assertThat;

import io.synckit.HistoryChangedException;
import io.synckit.Version;
import io.synckit.postgres.internal.listen.HistoryChange;
import io.synckit.postgres.internal.runtime.Clock;
import io.synckit.postgres.internal.sql.CheckpointTable.Stored;
import io.synckit.postgres.internal.sql.PartitionClaims.Claim;
import io.synckit.postgres.internal.sql.PartitionClaims.Held;
import io.synckit.postgres.internal.sql.PartitionId;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** The end of the log is read only for checkpoints beyond what this process has read, so no database is needed. */
class CheckpointCheckTest {

    private static final PartitionId ID = new PartitionId("numbers", 0);
    private static final long PUBLISHED = 100;
    private static final int ME = 1;
    private static final int ANOTHER = 2;
    private static final long FORMER_SERVER = 7;
    private static final long NEW_SERVER = 8;

    private long readFrom = FORMER_SERVER;
    private long epoch;

    @SuppressWarnings("NullAway")
    private final CheckpointCheck check =
            new CheckpointCheck(null, () -> PUBLISHED, server -> server == readFrom, Clock.SYSTEM);

    /** The run of the first claim can have ended before the change, for instance because the server was restarted. */
    @Test
    void checkpointOfTheFormerLogIsRejected() {
        claim(null, 4, FORMER_SERVER);
        change(4, NEW_SERVER);

        Optional<HistoryChangedException> problem = claim(ME, 4, NEW_SERVER);

        assertThat(problem).get().extracting(HistoryChangedException::safe).isEqualTo(Version.of(3));
    }

    @Test
    void checkpointBelowTheChangeIsAccepted() {
        claim(null, 5, FORMER_SERVER);
        change(4, NEW_SERVER);

        assertThat(claim(ME, 3, NEW_SERVER)).isEmpty();
        assertThat(check.unchecked(ID)).isNull();
    }

    /** The epoch can be the next one although another process has had the partition: a fail-over loses claims. */
    @Test
    void checkpointThatAnotherProcessHasMovedIsAccepted() {
        claim(null, 3, FORMER_SERVER);
        change(4, NEW_SERVER);

        assertThat(claim(ANOTHER, 50, NEW_SERVER)).isEmpty();
        assertThat(claim(null, 50, NEW_SERVER)).isEmpty();
    }

    @Test
    void acceptedCheckpointIsNotComparedAgain() {
        claim(null, 3, FORMER_SERVER);
        change(4, NEW_SERVER);
        claim(ME, 3, NEW_SERVER);

        assertThat(claim(ME, 50, NEW_SERVER)).isEmpty();
    }

    @Test
    void rejectedCheckpointIsComparedUntilItsStopIsStored() {
        claim(null, 5, FORMER_SERVER);
        change(4, NEW_SERVER);
        claim(ME, 5, NEW_SERVER);

        assertThat(claim(ME, 5, NEW_SERVER)).isPresent();
    }

    /** At the claim after the failed start, this process is the former owner. */
    @Test
    void checkpointOfAnotherProcessIsAcceptedAfterAFailedStart() {
        claim(null, 5, FORMER_SERVER);
        change(4, NEW_SERVER);
        check.claimed(claimOf(ANOTHER, 50, NEW_SERVER));

        assertThat(claim(ME, 50, NEW_SERVER)).isEmpty();
    }

    @Test
    void claimWhoseStartHasFailedIsCompared() {
        claim(null, 5, FORMER_SERVER);
        change(4, NEW_SERVER);
        claimOf(ME, 5, NEW_SERVER);

        assertThat(claim(ME, 5, NEW_SERVER)).isPresent();
    }

    @Test
    void claimBeforeTheReaderHasMovedIsCompared() {
        claim(null, 5, FORMER_SERVER);
        assertThat(claim(ME, 5, NEW_SERVER)).isEmpty();
        change(4, NEW_SERVER);

        assertThat(claim(ME, 5, NEW_SERVER)).isPresent();
    }

    @Test
    void claimOnTheNewServerIsNotCompared() {
        claim(null, 5, NEW_SERVER);
        change(4, NEW_SERVER);

        assertThat(claim(ME, 5, NEW_SERVER)).isEmpty();
    }

    /** Its position may be of the former log or of the new one. */
    @Test
    void claimDuringAChangeIsMadeAgainAndCompared() {
        HistoryChange before = check.lastChange();
        Claim during = claimOf(null, 5, FORMER_SERVER);
        change(4, FORMER_SERVER);

        assertThat(check.remember(during, before, false)).isTrue();
        assertThat(claim(ME, 5, FORMER_SERVER)).isPresent();
    }

    @Test
    void changeOnTheSameServerIsCompared() {
        claim(null, 5, FORMER_SERVER);
        change(4, FORMER_SERVER);

        assertThat(check.unchecked(ID)).isNotNull();
        assertThat(claim(ME, 5, FORMER_SERVER)).isPresent();
    }

    @Test
    void checkpointIsComparedWithTheLowestOfTwoChanges() {
        claim(null, 5, FORMER_SERVER);
        change(4, FORMER_SERVER);
        change(8, FORMER_SERVER);

        assertThat(claim(ME, 5, FORMER_SERVER)).isPresent();
    }

    /** The claim was made before the reader had moved to the server, where the log was unchanged. */
    @Test
    void laterChangeOnTheNewServerIsCompared() {
        claim(null, 5, FORMER_SERVER);
        claim(ME, 5, NEW_SERVER);
        readFrom = NEW_SERVER;
        check.serverChanged(NEW_SERVER);
        change(4, NEW_SERVER, NEW_SERVER);

        assertThat(claim(ME, 5, NEW_SERVER)).isPresent();
    }

    private Optional<HistoryChangedException> claim(@Nullable Integer formerOwner, long position, long server) {
        HistoryChange before = check.lastChange();
        Claim claim = claimOf(formerOwner, position, server);
        check.claimed(claim);
        Optional<HistoryChangedException> problem = check.problem(claim);
        assertThat(check.remember(claim, before, problem.isPresent())).isFalse();
        return problem;
    }

    private Claim claimOf(@Nullable Integer formerOwner, long position, long server) {
        Held held = new Held(ID, ++epoch, ME, server);
        return new Claim(held, new Stored(position, 0), null, 0, Duration.ZERO, false, formerOwner, null, false, null);
    }

    private void change(long firstReplaced, long server) {
        change(firstReplaced, FORMER_SERVER, server);
    }

    private void change(long firstReplaced, long formerServer, long server) {
        Version safe = Version.of(firstReplaced - 1);
        HistoryChangedException failure = new HistoryChangedException(Version.of(PUBLISHED), safe, Instant.EPOCH);
        check.historyChanged(new HistoryChange(safe.value(), firstReplaced, PUBLISHED, formerServer, server, failure));
        readFrom = server;
    }
}
