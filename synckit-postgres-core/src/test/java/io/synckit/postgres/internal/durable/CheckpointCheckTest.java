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
import org.junit.jupiter.api.Test;

/** The end of the log is read only for checkpoints that this process has not read, so no database is needed. */
class CheckpointCheckTest {

    private static final PartitionId ID = new PartitionId("numbers", 0);
    private static final long PUBLISHED = 100;

    @SuppressWarnings("NullAway")
    private final CheckpointCheck check = new CheckpointCheck(null, Clock.SYSTEM);

    /** The run of the first claim has ended before the change, for instance because the server was restarted. */
    @Test
    void checkpointOfTheFormerLogIsRejected() {
        claim(1, 3);
        changeFrom(4);

        Optional<HistoryChangedException> reason = claim(2, 4);

        assertThat(reason).get().extracting(HistoryChangedException::safe).isEqualTo(Version.of(3));
    }

    @Test
    void checkpointBelowTheChangeIsAccepted() {
        claim(1, 5);
        changeFrom(4);

        assertThat(claim(2, 3)).isEmpty();
        assertThat(check.mustBeMadeAgain(ID)).isFalse();
    }

    @Test
    void changeIsComparedOnce() {
        claim(1, 3);
        changeFrom(4);
        claim(2, 3);

        assertThat(claim(3, 50)).isEmpty();
    }

    @Test
    void checkpointThatAnotherProcessHasMovedIsAccepted() {
        claim(1, 3);
        changeFrom(4);

        assertThat(claim(3, 50)).isEmpty();
    }

    /** Its position may be of the former log or of the new one. */
    @Test
    void claimDuringAChangeIsMadeAgainAndCompared() {
        HistoryChange before = check.lastChange();
        changeFrom(4);

        assertThat(check.claimed(claimOf(1, 5), before, PUBLISHED)).isEmpty();
        assertThat(check.mustBeMadeAgain(ID)).isTrue();

        assertThat(claim(2, 5)).isPresent();
    }

    @Test
    void changeAfterAClaimIsComparedWithTheNextOne() {
        claim(1, 5);
        changeFrom(4);

        assertThat(check.mustBeMadeAgain(ID)).isTrue();
        assertThat(claim(2, 5)).isPresent();
        assertThat(check.mustBeMadeAgain(ID)).isFalse();
    }

    @Test
    void checkpointIsComparedWithAllChanges() {
        claim(1, 5);
        changeFrom(4);
        HistoryChange before = check.lastChange();
        changeFrom(8);
        check.claimed(claimOf(2, 5), before, PUBLISHED);

        assertThat(claim(3, 5)).isPresent();
    }

    private Optional<HistoryChangedException> claim(long epoch, long position) {
        return check.claimed(claimOf(epoch, position), check.lastChange(), PUBLISHED);
    }

    private static Claim claimOf(long epoch, long position) {
        return new Claim(new Held(ID, epoch, 1, 7), new Stored(position, 0), null, 0, Duration.ZERO, false, false);
    }

    private void changeFrom(long firstChanged) {
        Version safe = Version.of(firstChanged - 1);
        HistoryChangedException failure = new HistoryChangedException(Version.of(PUBLISHED), safe, Instant.EPOCH);
        check.historyChanged(new HistoryChange(safe.value(), firstChanged, PUBLISHED, 7, failure));
    }
}
