package io.synckit.postgres.internal.listen;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import org.junit.jupiter.api.Test;

class OwnCommitsTest {

    private static final long MS = Duration.ofMillis(1).toNanos();

    private final OwnCommits commits = new OwnCommits();

    @Test
    void nothingIsPendingWithoutACommit() {
        assertThat(commits.isPending()).isFalse();
        assertThat(commits.mustNotify(1000 * MS)).isFalse();
    }

    @Test
    void notifiesIfNoNotificationComesWithin20Ms() {
        commits.committed(10 * MS, 12 * MS);

        assertThat(commits.isPending()).isTrue();
        assertThat(commits.mustNotify(31 * MS)).isFalse();
        assertThat(commits.mustNotify(32 * MS)).isTrue();
    }

    @Test
    void notifiesOnce() {
        commits.committed(10 * MS, 12 * MS);
        commits.mustNotify(32 * MS);

        assertThat(commits.isPending()).isFalse();
        assertThat(commits.mustNotify(100 * MS)).isFalse();
    }

    @Test
    void notificationSinceTheStoreBeganIsEnough() {
        commits.committed(10 * MS, 12 * MS);
        commits.notified(10 * MS);

        assertThat(commits.mustNotify(32 * MS)).isFalse();
        assertThat(commits.isPending()).isFalse();
    }

    @Test
    void notificationBeforeTheStoreBeganIsNotEnough() {
        commits.notified(9 * MS);
        commits.committed(10 * MS, 12 * MS);

        assertThat(commits.mustNotify(32 * MS)).isTrue();
    }

    /** Two calls end in the other order than they began. The later start counts, because the other call was announced then. */
    @Test
    void laterStartCounts() {
        commits.committed(20 * MS, 21 * MS);
        commits.committed(10 * MS, 22 * MS);
        commits.notified(15 * MS);

        assertThat(commits.mustNotify(50 * MS)).isTrue();
    }

    @Test
    void pollAnswersCommits() {
        commits.committed(10 * MS, 12 * MS);
        commits.answer();

        assertThat(commits.isPending()).isFalse();
    }
}
