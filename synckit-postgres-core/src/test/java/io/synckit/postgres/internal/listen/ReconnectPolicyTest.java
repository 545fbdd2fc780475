package io.synckit.postgres.internal.listen;

import static org.assertj.core.api.Assertions.assertThat;

import io.synckit.postgres.internal.listen.ReconnectPolicy.Decision;
import java.time.Duration;
import org.junit.jupiter.api.Test;

class ReconnectPolicyTest {

    private static final Duration INTERVAL = Duration.ofSeconds(5);

    private final ReconnectPolicy policy = new ReconnectPolicy(INTERVAL, 3);

    @Test
    void connectionThatHasWorkedIsReplacedAtOnce() {
        assertThat(policy.afterFailure(true)).isEqualTo(new Decision(false, 0, ReconnectPolicy.MIN_PAUSE));
    }

    @Test
    void pausesGrowFromTheInterval() {
        Decision first = policy.afterFailure(false);
        Decision second = policy.afterFailure(false);

        assertThat(first.attempts()).isEqualTo(1);
        assertThat(first.pause()).isBetween(INTERVAL.dividedBy(2), INTERVAL);
        assertThat(second.attempts()).isEqualTo(2);
        assertThat(second.pause()).isBetween(INTERVAL, INTERVAL.multipliedBy(2));
    }

    @Test
    void lastAttemptFailsWithoutAPause() {
        policy.afterFailure(false);
        policy.afterFailure(false);

        assertThat(policy.afterFailure(false)).isEqualTo(new Decision(true, 3, Duration.ZERO));
    }

    @Test
    void furtherAttemptsPauseAndStayFailed() {
        for (int i = 0; i < 3; i++) {
            policy.afterFailure(false);
        }

        Decision further = policy.afterFailure(false);

        assertThat(further.failed()).isTrue();
        assertThat(further.attempts()).isEqualTo(4);
        assertThat(further.pause()).isPositive().isLessThanOrEqualTo(Duration.ofMinutes(1));
    }

    @Test
    void successResetsTheAttempts() {
        policy.afterFailure(false);
        policy.afterFailure(false);
        policy.afterFailure(true);

        assertThat(policy.afterFailure(false).attempts()).isEqualTo(1);
    }
}
