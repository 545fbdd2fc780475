package io.synckit.postgres.internal.durable;

import io.synckit.postgres.internal.runtime.Clock;
import io.synckit.subscription.DurableSubscription.State;
import java.time.Duration;

/** Whether a partition runs, waits or has stopped. Changed by the thread that handles the partition, read by all. */
final class RunState {

    private final Clock clock;
    private volatile State state = State.RUNNING;
    private volatile String failure = "";
    private volatile long notBefore;

    RunState(Clock clock) {
        this.clock = clock;
        this.notBefore = clock.nanos();
    }

    State state() {
        return state;
    }

    /** Returns why it waits or has stopped; empty if it runs. */
    String failure() {
        return failure;
    }

    /** Waits with the current event, unless it has stopped. */
    void backOff(Duration pause, String reason) {
        if (isStopped()) {
            return;
        }
        state = State.BACKING_OFF;
        failure = reason;
        notBefore = clock.nanos() + pause.toNanos();
    }

    /** Waits, without a failure. */
    void pause(Duration pause) {
        notBefore = clock.nanos() + pause.toNanos();
    }

    void stop(String reason) {
        state = State.STOPPED;
        failure = reason;
    }

    void recovered() {
        if (state == State.BACKING_OFF) {
            state = State.RUNNING;
            failure = "";
        }
    }

    boolean isStopped() {
        return state == State.STOPPED;
    }

    boolean isBackingOff() {
        return state == State.BACKING_OFF;
    }

    /** Returns how long it must wait; 0 or less if it need not. */
    long waitNanos() {
        return notBefore - clock.nanos();
    }
}
