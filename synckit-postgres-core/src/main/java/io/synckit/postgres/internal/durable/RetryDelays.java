package io.synckit.postgres.internal.durable;

import io.synckit.subscription.DurableOptions;
import java.time.Duration;
import java.util.concurrent.ThreadLocalRandom;

/** The pauses between attempts: exponential back-off up to a maximum. Each pause is shortened by up to 50 % at random. */
record RetryDelays(Duration first, double multiplier, Duration max) {

    static RetryDelays of(DurableOptions options) {
        return new RetryDelays(options.delay(), options.multiplier(), options.maxDelay());
    }

    /** @param attempts failed attempts in a row, 1 or more */
    Duration after(int attempts) {
        double grown = first.toNanos() * Math.pow(multiplier, Math.min(attempts - 1, 1000));
        long longest = (long) Math.min(grown, max.toNanos());
        return Duration.ofNanos(longest - ThreadLocalRandom.current().nextLong(longest / 2 + 1));
    }
}
