package io.synckit.postgres.internal.durable;

import io.synckit.postgres.internal.runtime.Clock;
import java.sql.SQLException;
import java.time.Duration;
import java.util.concurrent.ScheduledExecutorService;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Decides when owners and processes are read: on request, regularly unless this process is at rest, and again after a failure. Thread-safe. */
final class OwnershipChecks {

    private static final long AFTER_FAILURE = Duration.ofSeconds(1).toNanos();

    private static final Logger log = LoggerFactory.getLogger(OwnershipChecks.class);

    private final Database database;
    private final Ownership ownership;
    private final Pin pin;
    private final Supplier<@Nullable Membership> membership;
    private final CheckSchedule schedule;
    private boolean failing;

    /** @param membership returns null while this process serves no subscriptions */
    OwnershipChecks(
            Database database,
            Ownership ownership,
            Pin pin,
            ScheduledExecutorService timer,
            Supplier<@Nullable Membership> membership,
            Clock clock) {
        this.database = database;
        this.ownership = ownership;
        this.pin = pin;
        this.membership = membership;
        this.schedule = new CheckSchedule(timer, this::check, clock);
    }

    /** Checks at this time or before. */
    void request(long afterNanos) {
        schedule.request(afterNanos);
    }

    /** Checks now, unless this process is at rest and listens, so that an event or a signal ends the rest. */
    void checkUnlessAtRest() {
        Membership member = membership.get();
        if (member == null || !member.isListening() || !ownership.isAtRest()) {
            ownership.remindNext();
            request(0);
        }
    }

    private void check() {
        Membership member = membership.get();
        if (member == null) {
            return;
        }
        try {
            pin.update(member);
            if (member.isLocked()) {
                ownership.check(member);
            } else {
                request(AFTER_FAILURE);
            }
            failing = false;
        } catch (SQLException | RuntimeException e) {
            if (!failing) {
                log.warn(
                        "durable.check-failed: the partitions of {} cannot be checked, which is retried: {}",
                        database,
                        e.getMessage());
            }
            failing = true;
            request(AFTER_FAILURE);
        }
    }
}
