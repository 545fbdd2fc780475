package io.synckit.postgres.internal.durable;

import java.util.HashSet;
import java.util.Set;

/**
 * Distinguishes an outage from failing events: if the events of many keys fail in a row, the cause is not the events. Then the partition
 * waits with one event instead of parking all keys. Pure. Not thread-safe.
 */
final class Outage {

    /** Keys that fail in a row. */
    static final int KEYS = 10;

    private final Set<String> failing = new HashSet<>();
    private int pauses;

    /** An event has failed. */
    void failed(String key) {
        if (failing.size() < KEYS) {
            failing.add(key);
        }
    }

    /** An event was handled. */
    void succeeded() {
        failing.clear();
        pauses = 0;
    }

    boolean isOn() {
        return failing.size() >= KEYS;
    }

    /** Returns the number of the next pause, from 1. */
    int nextPause() {
        pauses++;
        return pauses;
    }
}
