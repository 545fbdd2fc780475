package io.synckit.postgres.internal.listen;

import java.time.Duration;

/**
 * Decides when the reader of a process reads next, and when its connection is probed. Pure: the time is a parameter, in nanoseconds of
 * {@link io.synckit.postgres.internal.runtime.Clock#nanos}. Not thread-safe.
 *
 * <p>After a read with more to follow, the pauses grow from 1 ms to 16 ms while events are found, and to 200 ms while none are: then an
 * open transaction holds the horizon.
 */
final class ReaderSchedule {

    static final long FIRST_PAUSE = Duration.ofMillis(1).toNanos();
    static final long MAX_PAUSE_UNDER_LOAD = Duration.ofMillis(16).toNanos();
    static final long MAX_PAUSE = Duration.ofMillis(200).toNanos();

    private final long probeAfter;
    private long nextRead;
    private long quietUntil;
    private long pause = FIRST_PAUSE;
    private long lastAnswer;
    private boolean requested;

    /**
     * @param notificationTimeout the longest time between two reads without a notification
     * @param maxSilence the longest time between two queries
     */
    ReaderSchedule(Duration notificationTimeout, Duration maxSilence, long now) {
        this.probeAfter = Math.min(maxSilence.toNanos(), notificationTimeout.toNanos() / 3);
        this.nextRead = now;
        this.quietUntil = now;
        this.lastAnswer = now;
    }

    /** Returns how long the reader pauses, whatever is notified meanwhile; 0 or less if it does not. */
    long quietNanos(long now) {
        return quietUntil - now;
    }

    /** Returns the time to the next read; 0 or less if it is due. */
    long untilRead(long now) {
        return nextRead - now;
    }

    /** There may be something to read: reads as soon as the pause is over. */
    void request(long now) {
        requested = true;
        nextRead = now;
    }

    boolean isReadDue(long now) {
        return nextRead <= now && quietUntil <= now;
    }

    /** Returns whether the due read was requested. Otherwise it is a poll. */
    boolean isRequested() {
        return requested;
    }

    /**
     * Plans the next read.
     *
     * @param moreMayFollow whether events may follow without a notification
     * @param found events that were read
     * @param mayHold whether the pause may be spent with the doorbell lock held
     * @param pollAfter time to the next read if there is no notification
     * @return the time to hold the doorbell lock, after which the next read is due; 0 for none
     */
    long completed(boolean moreMayFollow, long found, boolean mayHold, long now, long pollAfter) {
        lastAnswer = now;
        requested = moreMayFollow;
        if (!moreMayFollow) {
            pause = FIRST_PAUSE;
            quietUntil = now;
            nextRead = now + pollAfter;
            return 0;
        }
        if (found > 0 && mayHold) {
            long hold = Math.min(pause, MAX_PAUSE_UNDER_LOAD);
            pause = hold * 2;
            nextRead = now;
            return hold;
        }
        quietUntil = now + Math.min(pause, MAX_PAUSE_UNDER_LOAD);
        nextRead = now + pause;
        pause = Math.min(pause * 2, found > 0 ? MAX_PAUSE_UNDER_LOAD : MAX_PAUSE);
        return 0;
    }

    boolean isProbeDue(long now) {
        return now - lastAnswer >= probeAfter;
    }

    /** A probe was answered. The poll interval may be shorter than before it. */
    void probed(long now, long pollAfter) {
        lastAnswer = now;
        nextRead = Math.min(nextRead, now + pollAfter);
    }
}
