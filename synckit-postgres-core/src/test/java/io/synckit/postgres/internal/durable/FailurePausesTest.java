package io.synckit.postgres.internal.durable;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import org.junit.jupiter.api.Test;

class FailurePausesTest {

    private static final Duration FIRST = Duration.ofMillis(200);

    private final FailurePauses pauses = new FailurePauses();

    private void fail(String reason, int times) {
        for (int i = 0; i < times; i++) {
            pauses.turnBegins();
            pauses.isFirst(reason);
        }
    }

    @Test
    void pausesGrow() {
        fail("outage", 7);

        assertThat(pauses.isFirst("outage")).isFalse();
        assertThat(pauses.next()).isGreaterThan(FIRST.multipliedBy(10)).isLessThanOrEqualTo(Duration.ofSeconds(30));
    }

    @Test
    void failureAfterASuccessIsTheFirstOne() {
        fail("outage", 7);
        pauses.turnBegins();
        assertThat(pauses.haveEnded()).isFalse();
        pauses.databaseWorked();
        assertThat(pauses.haveEnded()).isTrue();

        assertThat(pauses.isFirst("outage")).isTrue();
        assertThat(pauses.next()).isLessThanOrEqualTo(FIRST);
    }

    @Test
    void failureWithAnotherReasonIsTheFirstOne() {
        fail("outage", 7);

        assertThat(pauses.isFirst("no key")).isTrue();
        assertThat(pauses.next()).isLessThanOrEqualTo(FIRST);
    }

    @Test
    void failureAfterTheDatabaseWasFoundIsTheFirstOne() {
        fail("outage", 7);
        pauses.databaseFound();
        pauses.turnBegins();

        assertThat(pauses.isFirst("outage")).isTrue();
        pauses.turnBegins();
        assertThat(pauses.isFirst("outage")).isFalse();
    }
}
