package io.synckit.postgres.internal.durable;

import io.synckit.postgres.internal.sql.ParkedCommand;
import io.synckit.postgres.internal.sql.ParkedFailure;
import io.synckit.postgres.internal.sql.ParkedRow;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/** A key whose event has failed, in the memory of the owner. Used by the thread that handles the partition. */
final class WaitingKey {

    final String name;
    private long nextVersion;
    private long failedVersion;
    private int attempts;
    private int starts;
    private boolean startedHere;
    private ParkedFailure failure;
    private @Nullable ParkedCommand command;
    private boolean waits;
    private long dueAt;

    /** @param startedHere whether the process that has begun the last attempt at its next event has survived it */
    WaitingKey(ParkedRow row, boolean startedHere, long now) {
        this(row.key(), row.nextVersion(), row.attempts(), row.failure());
        this.failedVersion = row.failedVersion();
        this.starts = row.starts();
        this.startedHere = startedHere;
        this.command = row.command();
        planned(row.retryAt() == null ? null : row.retryIn(), now);
    }

    WaitingKey(String name, long failedVersion, int attempts, ParkedFailure failure) {
        this.name = name;
        this.nextVersion = failedVersion;
        this.failedVersion = failedVersion;
        this.attempts = attempts;
        this.failure = failure;
    }

    /** @param pause time until the next attempt; null if the key is parked */
    void planned(@Nullable Duration pause, long now) {
        waits = pause != null;
        dueAt = pause == null ? 0 : now + pause.toNanos();
    }

    void failed(long version, int attemptsAtIt, ParkedFailure cause) {
        nextVersion = version;
        failedVersion = version;
        attempts = attemptsAtIt;
        ended();
        failure = cause;
    }

    /** The next event is at this version or later, and was not tried. */
    void next(long version) {
        nextVersion = version;
        attempts = 0;
        ended();
    }

    private void ended() {
        starts = 0;
        startedHere = false;
    }

    /** Returns how many processes have died during an attempt at the next event. */
    int deaths() {
        return startedHere ? starts - 1 : starts;
    }

    /** An attempt begins. It may be stored, whatever happens. */
    void started(int startsWithIt) {
        starts = startsWithIt;
        startedHere = true;
    }

    /** Returns whether a row has the attempt that this process has begun last, or has taken over from a process that has survived it. */
    boolean isStartOf(ParkedRow row) {
        return startedHere && row.nextVersion() == nextVersion && row.starts() == starts;
    }

    /** Plans an attempt at once. */
    void tryNow(long now) {
        planned(Duration.ZERO, now);
    }

    /** Returns whether an attempt is planned. */
    boolean waits() {
        return waits;
    }

    boolean isDue(long now) {
        return waits && dueAt <= now;
    }

    long nanosToNext(long now) {
        return Math.max(0, dueAt - now);
    }

    long nextVersion() {
        return nextVersion;
    }

    /** Returns whether the next event is at this version, and has failed. Then it is of this key, whatever the key function says now. */
    boolean hasFailedAt(long version) {
        return version == nextVersion && version == failedVersion;
    }

    /** Returns the failed attempts at the next event. */
    int attempts() {
        return attempts;
    }

    ParkedFailure failure() {
        return failure;
    }

    /** Returns whether the main flow has passed its next event. It has not if the event has failed, and the position was moved back since. */
    boolean isReached(long position) {
        return nextVersion <= position || !hasFailedAt(nextVersion);
    }

    /** Returns whether an operator has set a command that is not carried out. */
    boolean hasCommand() {
        return command != null;
    }

    /** Returns the command of an operator, and forgets it. */
    @Nullable ParkedCommand takeCommand() {
        ParkedCommand taken = command;
        command = null;
        return taken;
    }
}
