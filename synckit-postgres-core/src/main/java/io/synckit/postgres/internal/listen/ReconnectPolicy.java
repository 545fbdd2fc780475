package io.synckit.postgres.internal.listen;

import io.synckit.postgres.internal.runtime.Backoff;
import java.time.Duration;

/**
 * Decides what the listener does after a connection has failed. Pure, not thread-safe.
 *
 * <p>A connection that has worked is replaced at once. Otherwise the pauses grow. After the last attempt the listener has failed, and each
 * further attempt waits until a poll has succeeded.
 */
final class ReconnectPolicy {

    /** Only prevents a busy loop of connections that break at once. */
    static final Duration MIN_PAUSE = Duration.ofMillis(100);

    private final Backoff backoff;
    private final int maxAttempts;
    private int failures;

    ReconnectPolicy(Duration interval, int maxAttempts) {
        this.backoff = new Backoff(interval);
        this.maxAttempts = maxAttempts;
    }

    /** @param worked whether the connection has served a read */
    Decision afterFailure(boolean worked) {
        if (worked) {
            failures = 0;
            return new Decision(false, 0, MIN_PAUSE);
        }
        failures++;
        boolean failed = failures >= maxAttempts;
        return new Decision(failed, failures, failures == maxAttempts ? Duration.ZERO : backoff.pause(failures));
    }

    /**
     * What to do next.
     *
     * @param failed whether the attempts are used up, so that the next one waits for a successful poll
     * @param attempts failed attempts in a row
     * @param pause the time to poll before the next attempt
     */
    record Decision(boolean failed, int attempts, Duration pause) {}
}
