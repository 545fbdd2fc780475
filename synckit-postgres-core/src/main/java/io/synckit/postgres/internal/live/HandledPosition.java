package io.synckit.postgres.internal.live;

import io.synckit.StoredEvent;
import io.synckit.postgres.internal.runtime.Clock;
import io.synckit.subscription.LiveSubscription.Lag;
import java.time.Duration;
import java.time.Instant;

/** How far a subscriber has handled the log, and since when it has had something to do. Written by one thread at a time, read by all. */
final class HandledPosition {

    private final Clock clock;
    private volatile long version;
    private volatile Instant storedAt = Instant.EPOCH;
    private volatile Instant idleUntil;

    HandledPosition(long since, Clock clock) {
        this.clock = clock;
        this.version = since;
        this.idleUntil = clock.now();
    }

    /** Returns the version of the last event that was handled or not wanted. */
    long version() {
        return version;
    }

    /** The event is handled, or was rejected by a filter. */
    void handled(StoredEvent event) {
        version = event.version().value();
        Instant now = clock.now();
        storedAt = event.createdAt().isAfter(now) ? now : event.createdAt();
    }

    /** Nothing up to this version is wanted. */
    void skipTo(long upTo) {
        version = Math.max(version, upTo);
    }

    /** From now on there is something to do. */
    void busy() {
        idleUntil = clock.now();
    }

    /** Returns the lag behind this version. */
    Lag lag(long published) {
        long versions = published - version;
        if (versions <= 0) {
            return Lag.NONE;
        }
        Instant now = clock.now();
        Instant since = storedAt.isAfter(idleUntil) ? storedAt : idleUntil;
        return new Lag(versions, since.isAfter(now) ? Duration.ZERO : Duration.between(since, now));
    }
}
