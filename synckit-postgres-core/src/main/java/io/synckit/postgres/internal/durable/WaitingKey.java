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
    private int deaths;
    private ParkedFailure failure;
    private @Nullable ParkedCommand command;
    private boolean waits;
    private boolean heldBack;
    private long dueAt;

    /** @param deaths processes that have died during an attempt at its next event */
    WaitingKey(ParkedRow row, int deaths, long now) {
        this(row.key(), row.nextVersion(), row.attempts(), row.failure());
        this.failedVersion = row.failedVersion();
        this.deaths = deaths;
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
        heldBack = false;
        waits = pause != null;
        dueAt = pause == null ? 0 : now + pause.toNanos();
    }

    void failed(long version, int attemptsAtIt, ParkedFailure cause) {
        nextVersion = version;
        failedVersion = version;
        attempts = attemptsAtIt;
        deaths = 0;
        failure = cause;
    }

    /** The next event is at this version or later, and was not tried. A command to skip was for an event before. */
    void next(long version) {
        command = command == ParkedCommand.SKIP ? null : command;
        nextVersion = version;
        attempts = 0;
        deaths = 0;
    }

    /** Returns how many processes have died during an attempt at the next event. */
    int deaths() {
        return deaths;
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

    /** Returns whether the next event is at this version, and has failed. Then it is of this key, even if {@code keyedBy} now returns another one. */
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

    /** Returns false if its next event has failed and is after the position, because the position was moved back. Then the key waits for the main flow. */
    boolean isReached(long position) {
        return nextVersion <= position || !hasFailedAt(nextVersion);
    }

    /** Neither an attempt nor the command of an operator is possible for some time. */
    void holdBack(Duration pause, long now) {
        planned(pause, now);
        heldBack = true;
    }

    /** Returns whether an operator has set a command that can be carried out now. */
    boolean hasCommand(long now) {
        return command != null && (!heldBack || isDue(now));
    }

    /** Returns the command of an operator; null if there is none. */
    @Nullable ParkedCommand command() {
        return command;
    }

    /** The command is carried out. */
    void carriedOut() {
        command = null;
    }
}
