package io.synckit.postgres.internal.durable;

import java.util.concurrent.atomic.AtomicReference;

/** Lets one thread at a time take turns, and loses no wake-up. Thread-safe. */
final class Turns {

    private final AtomicReference<State> state = new AtomicReference<>(State.IDLE);

    private enum State {
        IDLE,
        QUEUED,
        RUNNING,
        RUNNING_AND_WOKEN
    }

    /** There may be something to do. Returns whether the caller must queue the next turn. */
    boolean wake() {
        State before = state.getAndUpdate(now -> switch (now) {
            case IDLE, QUEUED -> State.QUEUED;
            case RUNNING, RUNNING_AND_WOKEN -> State.RUNNING_AND_WOKEN;
        });
        return before == State.IDLE;
    }

    /** A queued turn begins. */
    void begin() {
        state.set(State.RUNNING);
    }

    /** A turn ends. Returns whether the caller must queue the next one: because it has more to do, or was woken. */
    boolean end(boolean hasMore) {
        boolean woken = !state.compareAndSet(State.RUNNING, hasMore ? State.QUEUED : State.IDLE);
        if (woken) {
            state.set(State.QUEUED);
        }
        return hasMore || woken;
    }
}
