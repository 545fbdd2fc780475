package io.synckit.postgres.internal.listen;

/** What other threads want of the listener's thread. Thread-safe. */
final class ListenerSignals {

    private volatile boolean running = true;
    private volatile boolean readSoon;

    boolean isRunning() {
        return running;
    }

    void stop() {
        running = false;
    }

    /** Requests a read, although there is no notification. */
    void readSoon() {
        readSoon = true;
    }

    /** Returns whether a read was requested, and clears the request. */
    boolean takeReadSoon() {
        boolean requested = readSoon;
        if (requested) {
            readSoon = false;
        }
        return requested;
    }
}
