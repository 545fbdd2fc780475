package io.synckit.postgres.internal.listen;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The transitions of the reader's schedule, on virtual time. Times of the tables are in milliseconds. */
class ReaderScheduleTest {

    private static final long MS = Duration.ofMillis(1).toNanos();
    private static final long POLL = 30_000 * MS;

    private static final Duration MAX_SILENCE = Duration.ofSeconds(10);

    private final ReaderSchedule schedule = new ReaderSchedule(Duration.ofNanos(POLL), MAX_SILENCE, 0);

    @Test
    void readsAtOnceAfterTheStart() {
        assertThat(schedule.isReadDue(0)).isTrue();
        assertThat(schedule.isRequested()).isFalse();
    }

    /** Each row is a read that has just ended at time 0, and what it leads to. */
    @ParameterizedTest
    @CsvSource({
        // more, found, mayHold | hold, quiet, until read, requested
        "false, 0, true, 0, 0, 30000, false",
        "false, 7, true, 0, 0, 30000, false",
        "true, 7, true, 1, 0, 0, true",
        "true, 7, false, 0, 1, 1, true",
        "true, 0, true, 0, 1, 1, true",
    })
    void firstReadLeadsTo(
            boolean more, long found, boolean mayHold, long hold, long quiet, long untilRead, boolean requested) {
        assertThat(schedule.completed(more, found, mayHold, 0, POLL)).isEqualTo(hold * MS);

        assertThat(schedule.quietNanos(0)).isEqualTo(quiet * MS);
        assertThat(schedule.untilRead(0)).isEqualTo(untilRead * MS);
        assertThat(schedule.isRequested()).isEqualTo(requested);
    }

    @Test
    void pausesGrowTo16MsWhileEventsAreFound() {
        assertThat(pauses(7, false, 7)).containsExactly(1L, 2L, 4L, 8L, 16L, 16L, 16L);
    }

    @Test
    void pausesGrowTo200MsWhileNoEventIsFound() {
        assertThat(pauses(0, false, 10)).containsExactly(1L, 2L, 4L, 8L, 16L, 32L, 64L, 128L, 200L, 200L);
    }

    private List<Long> pauses(long found, boolean mayHold, int reads) {
        List<Long> pauses = new ArrayList<>();
        long now = 0;
        for (int i = 0; i < reads; i++) {
            schedule.completed(true, found, mayHold, now, POLL);
            pauses.add(schedule.untilRead(now) / MS);
            now += schedule.untilRead(now);
        }
        return pauses;
    }

    @Test
    void holdsTheDoorbellLockAtMost16Ms() {
        List<Long> holds = new ArrayList<>();
        for (int i = 0; i < 7; i++) {
            holds.add(schedule.completed(true, 1, true, 0, POLL) / MS);
        }

        assertThat(holds).containsExactly(1L, 2L, 4L, 8L, 16L, 16L, 16L);
    }

    @Test
    void pausesStartAnewAfterEverythingIsRead() {
        pauses(0, false, 5);
        schedule.completed(false, 0, false, 0, POLL);

        assertThat(pauses(0, false, 2)).containsExactly(1L, 2L);
    }

    @Test
    void notificationEndsTheWaitForAPoll() {
        schedule.completed(false, 0, true, 0, POLL);
        assertThat(schedule.isReadDue(5 * MS)).isFalse();

        schedule.request(5 * MS);

        assertThat(schedule.isReadDue(5 * MS)).isTrue();
        assertThat(schedule.isRequested()).isTrue();
    }

    @Test
    void notificationDoesNotEndAPauseUnderLoad() {
        schedule.completed(true, 7, false, 0, POLL);
        schedule.request(0);

        assertThat(schedule.isReadDue(0)).isFalse();
        assertThat(schedule.isReadDue(MS)).isTrue();
    }

    @Test
    void notificationEndsALongPauseAfter16Ms() {
        pauses(0, false, 9);
        long now = 10_000 * MS;
        schedule.completed(true, 0, false, now, POLL);
        schedule.request(now);

        assertThat(schedule.isReadDue(now + 15 * MS)).isFalse();
        assertThat(schedule.isReadDue(now + 16 * MS)).isTrue();
    }

    @Test
    void silenceLeadsToAProbe() {
        schedule.completed(false, 0, true, 0, POLL);

        assertThat(schedule.isProbeDue(POLL / 3 - 1)).isFalse();
        assertThat(schedule.isProbeDue(POLL / 3)).isTrue();
        schedule.probed(POLL / 3, POLL);
        assertThat(schedule.isProbeDue(POLL / 3)).isFalse();
    }

    @Test
    void silenceIsLimited() {
        ReaderSchedule rare = new ReaderSchedule(Duration.ofHours(1), MAX_SILENCE, 0);
        rare.completed(false, 0, true, 0, Duration.ofHours(1).toNanos());

        assertThat(rare.isProbeDue(10_000 * MS)).isTrue();
    }

    /** After a probe has found that the table does not notify, polls are more frequent. */
    @Test
    void probeCanBringThePollForward() {
        schedule.completed(false, 0, true, 0, POLL);
        schedule.probed(10_000 * MS, 5_000 * MS);

        assertThat(schedule.untilRead(10_000 * MS)).isEqualTo(5_000 * MS);
    }
}
