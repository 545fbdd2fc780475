package io.synckit.postgres.testing;

import io.synckit.postgres.internal.runtime.Clock;
import java.time.Duration;
import java.time.Instant;

/** A clock that a test sets. */
public final class ManualClock implements Clock {

    private static final Instant START = Instant.parse("2026-01-01T00:00:00Z");

    private long nanos;

    @Override
    public long nanos() {
        return nanos;
    }

    @Override
    public Instant now() {
        return START.plusNanos(nanos);
    }

    public void advance(Duration time) {
        nanos += time.toNanos();
    }
}
