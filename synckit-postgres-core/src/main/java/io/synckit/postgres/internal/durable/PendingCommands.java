package io.synckit.postgres.internal.durable;

import io.synckit.postgres.internal.runtime.Clock;
import java.time.Duration;

/** Whether operators have set commands for keys of a partition, and when they are carried out. Thread-safe. */
final class PendingCommands {

    private final Clock clock;
    private volatile boolean pending;
    private volatile long notBefore;

    PendingCommands(Clock clock) {
        this.clock = clock;
        this.notBefore = clock.nanos();
    }

    /** Notes that there may be a command. */
    void add() {
        pending = true;
    }

    /** Lets the commands wait, because one could not be carried out. */
    void tryAfter(Duration pause) {
        notBefore = clock.nanos() + pause.toNanos();
        pending = true;
    }

    /** Ends the pause of {@link #tryAfter}. */
    void tryNow() {
        notBefore = clock.nanos();
    }

    /** Returns how long they must wait; 0 or less if they can be carried out now, {@link Long#MAX_VALUE} if there are none. */
    long waitNanos() {
        return pending ? notBefore - clock.nanos() : Long.MAX_VALUE;
    }

    /** To be called before they are carried out. Those that are added meanwhile stay. */
    void begin() {
        pending = false;
    }
}
