package io.synckit.postgres.internal.listen;

import io.synckit.SchemaException;
import io.synckit.postgres.internal.runtime.Clock;
import io.synckit.postgres.internal.runtime.Watchdog;
import io.synckit.postgres.internal.sql.Doorbell;
import io.synckit.postgres.internal.sql.ListenConnection;
import io.synckit.subscription.ListenerStatus.State;
import java.sql.SQLException;
import java.time.Duration;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/** Serves one connection that listens, until it breaks or the loop is stopped: reads when it is notified, and probes the connection. */
final class ListeningSession {

    /** The driver cannot be woken by another thread, so the loop waits in slices, and checks the signals in between. */
    static final long SLICE = Duration.ofMillis(50).toNanos();

    /** The slice while no notification has answered a commit of this process. */
    private static final long SLICE_AFTER_COMMIT = Duration.ofMillis(10).toNanos();

    private final ListenConnection connected;
    private final ListenerSettings settings;
    private final Doorbell doorbell;
    private final LogReader reader;
    private final Watchdog watchdog;
    private final Poller poller;
    private final Counters counters;
    private final ListenerState state;
    private final OwnCommits commits;
    private final ListenerSignals signals;
    private final Clock clock;
    private final ListenerTenant tenant;
    private boolean hasRead;

    ListeningSession(
            ListenConnection connected,
            ListenerSettings settings,
            Doorbell doorbell,
            LogReader reader,
            Watchdog watchdog,
            Poller poller,
            Counters counters,
            ListenerState state,
            OwnCommits commits,
            ListenerSignals signals,
            ListenerTenant tenant,
            Clock clock) {
        this.connected = connected;
        this.settings = settings;
        this.doorbell = doorbell;
        this.reader = reader;
        this.watchdog = watchdog;
        this.poller = poller;
        this.counters = counters;
        this.state = state;
        this.commits = commits;
        this.signals = signals;
        this.tenant = tenant;
        this.clock = clock;
    }

    /** Returns whether the connection has served a read. */
    boolean hasRead() {
        return hasRead;
    }

    /**
     * Enters the state LISTENING and serves the connection.
     *
     * @param isReconnect called after the first probe; returns whether another connection was lost before
     */
    void serve(BooleanSupplier isReconnect) throws SQLException {
        enter(State.LISTENING, null);
        probe();
        if (isReconnect.getAsBoolean()) {
            // The lost connection may have held the doorbell lock, and others have relied on it.
            notifyListeners();
        }
        ReaderSchedule schedule =
                new ReaderSchedule(settings.notificationTimeout(), settings.maxSilence(), clock.nanos());
        while (signals.isRunning()) {
            poller.audit();
            watchdog.watch(connected.connection(), () -> {
                tenant.serve(connected);
                return true;
            });
            boolean notified = await(schedule);
            long now = clock.nanos();
            if (notified) {
                notified(now);
            }
            boolean sent = commits.mustNotify(now);
            if (sent) {
                notifyListeners();
            }
            if (signals.takeReadSoon() || sent || notified && reader.isActive()) {
                schedule.request(now);
            }
            if (schedule.isReadDue(now)) {
                read(schedule);
            } else if (schedule.isProbeDue(now)) {
                probe();
                schedule.probed(clock.nanos(), pollAfter());
            }
        }
    }

    /** Waits for a notification, at most until something is due. Returns whether there was one. */
    private boolean await(ReaderSchedule schedule) throws SQLException {
        long now = clock.nanos();
        long quiet = schedule.quietNanos(now);
        long untilRead = schedule.untilRead(now);
        if (quiet > 0) {
            LockSupport.parkNanos(quiet);
        } else if (untilRead > 0) {
            long slice = commits.isPending() ? SLICE_AFTER_COMMIT : SLICE;
            return connected.await(Duration.ofNanos(Math.min(slice, untilRead)));
        }
        return false;
    }

    private void read(ReaderSchedule schedule) throws SQLException {
        boolean requested = schedule.isRequested();
        if (!requested) {
            counters.polls.increment();
        }
        ReadResult result = requested || state.state() == State.POLLING
                ? reader.read(connected.connection())
                : reader.poll(connected.connection());
        hasRead = true;
        tenant.answered(clock.nanos());
        long hold = schedule.completed(
                result.moreMayFollow(), result.found(), settings.mayHoldDoorbell(), clock.nanos(), pollAfter());
        if (hold > 0) {
            // Under load: events that are committed during the pause are read after it.
            boolean notified = connected.holdDoorbell(doorbell, Duration.ofNanos(hold));
            long now = clock.nanos();
            if (notified) {
                notified(now);
            }
            schedule.request(now);
        }
    }

    /** Checks the connection. If the table has no trigger that notifies, the session polls until there is one. */
    private void probe() throws SQLException {
        ListenConnection.Probe answer = connected.probe(doorbell);
        state.probed(answer.roundTrip());
        tenant.answered(clock.nanos());
        if (answer.notifies() != (state.state() == State.LISTENING)) {
            SchemaException missing = answer.notifies()
                    ? null
                    : new SchemaException(
                            SchemaException.Reason.MISMATCH,
                            "the table " + settings
                                    + " has no trigger that notifies; if this is not intended, set synckit.postgres.notify.mode and migrate");
            enter(missing == null ? State.LISTENING : State.POLLING, missing);
        }
    }

    private long pollAfter() {
        boolean notifies = state.state() == State.LISTENING;
        return (notifies ? settings.notificationTimeout() : settings.pollInterval()).toNanos();
    }

    private void notified(long now) {
        counters.notifications.increment();
        commits.notified(now);
        state.notified();
    }

    private void notifyListeners() throws SQLException {
        watchdog.watch(connected.connection(), () -> {
            doorbell.notifyListeners(connected.connection());
            return true;
        });
    }

    private void enter(State next, @Nullable RuntimeException failure) {
        if (signals.isRunning()) {
            state.enter(next, 0, connected.backendPid(), failure);
        }
    }
}
