package io.synckit.postgres.internal.listen;

import io.synckit.Version;
import io.synckit.postgres.internal.listen.ReconnectPolicy.Decision;
import io.synckit.postgres.internal.runtime.Clock;
import io.synckit.postgres.internal.runtime.Watchdog;
import io.synckit.postgres.internal.sql.Doorbell;
import io.synckit.postgres.internal.sql.ListenConnection;
import io.synckit.postgres.internal.sql.SqlFailure;
import io.synckit.subscription.ListenerStatus;
import io.synckit.subscription.ListenerStatus.State;
import io.synckit.subscription.LiveNotice;
import java.sql.SQLException;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The work of the listener's thread, from one start to one stop. Keeps a connection that listens, and polls through the pool while there is
 * none.
 */
public final class ListenerLoop implements Runnable {

    private static final Logger log = LoggerFactory.getLogger(ListenerLoop.class);

    private final ListenerSettings settings;
    private final Connector connector;
    private final Doorbell doorbell;
    private final LogReader reader;
    private final Watchdog watchdog;
    private final Poller poller;
    private final LiveFeed feed;
    private final Counters counters;
    private final ListenerState state;
    private final ListenerTenant tenant;
    private final Clock clock;
    private final OwnCommits commits = new OwnCommits();
    private final ListenerSignals signals = new ListenerSignals();
    private volatile @Nullable ListenConnection connection;
    private @Nullable Disconnected disconnected;

    public ListenerLoop(
            ListenerSettings settings,
            Connector connector,
            Doorbell doorbell,
            LogReader reader,
            Watchdog watchdog,
            Poller poller,
            LiveFeed feed,
            Counters counters,
            ListenerState state,
            ListenerTenant tenant,
            Clock clock) {
        this.settings = settings;
        this.connector = connector;
        this.doorbell = doorbell;
        this.reader = reader;
        this.watchdog = watchdog;
        this.poller = poller;
        this.feed = feed;
        this.counters = counters;
        this.state = state;
        this.tenant = tenant;
        this.clock = clock;
    }

    ListenerStatus status() {
        return state.status();
    }

    /** This process has committed something that it began to store at a time of {@link Clock#nanos}. */
    void committed(long begun) {
        commits.committed(begun, clock.nanos());
    }

    /** Reads soon, although there is no notification. */
    void readSoon() {
        signals.readSoon();
    }

    /** Ends the loop. Its thread ends soon afterwards. */
    void stop() {
        signals.stop();
        ListenConnection current = connection;
        if (current != null) {
            current.abort();
        }
    }

    @Override
    public void run() {
        try {
            if (settings.polls()) {
                enter(State.POLLING, 0, null);
                tenant.polling();
                pollUntil(() -> false, Long.MAX_VALUE);
            } else {
                enter(State.CONNECTING, 0, null);
                keepListening();
            }
        } catch (RuntimeException | Error e) {
            log.error("listener.broken: the listener has ended because of an internal error; start it again", e);
        } finally {
            state.enter(State.STOPPED, 0, null, null);
        }
    }

    private void keepListening() {
        ReconnectPolicy policy = new ReconnectPolicy(settings.reconnectInterval(), settings.maxReconnectAttempts());
        while (signals.isRunning()) {
            Ended ended = listenOnce();
            RuntimeException failure = ended.failure;
            if (failure == null || !signals.isRunning()) {
                return;
            }
            if (ended.listened) {
                disconnected = new Disconnected(Version.of(reader.position()), clock.nanos());
                reader.verifyNext();
            }
            Decision next = policy.afterFailure(ended.hasRead);
            enter(next.failed() ? State.FAILED : connecting(), next.attempts(), failure);
            pollUntil(() -> false, next.pause().toNanos());
            if (next.failed()) {
                // The state stays FAILED while the database answers polls and the listener's own way to it fails.
                long succeeded = poller.succeeded();
                pollUntil(() -> poller.succeeded() > succeeded, Long.MAX_VALUE);
            }
        }
    }

    private State connecting() {
        return disconnected == null ? State.CONNECTING : State.RECONNECTING;
    }

    /** Serves one connection until it ends. */
    private Ended listenOnce() {
        ListeningSession session = null;
        RuntimeException failure = null;
        try (ListenConnection connected = connect()) {
            if (connected != null) {
                connection = connected;
                connector.requireSameDatabase(connected);
                reader.horizon(connected.connection());
                session = session(connected);
                session.serve(this::noticeReconnect);
            }
        } catch (SQLException e) {
            failure = SqlFailure.named("listening", e);
        } catch (RuntimeException e) {
            failure = e;
        } finally {
            connection = null;
            tenant.disconnected();
        }
        return new Ended(failure, session != null, session != null && session.hasRead());
    }

    private ListeningSession session(ListenConnection connected) {
        return new ListeningSession(
                connected, settings, doorbell, reader, watchdog, poller, counters, state, commits, signals, tenant,
                clock);
    }

    /** Polls while it connects. Returns null if the loop was stopped. */
    private @Nullable ListenConnection connect() throws SQLException {
        CompletableFuture<ListenConnection> connecting = connector.connect();
        awaitBriefly(connecting);
        pollUntil(connecting::isDone, Long.MAX_VALUE);
        return connecting.cancel(false) ? null : Connector.result(connecting);
    }

    /** Usually a connection is there within a slice, and no poll is needed. */
    private static void awaitBriefly(CompletableFuture<?> connecting) {
        try {
            connecting.get(ListeningSession.SLICE, TimeUnit.NANOSECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (TimeoutException | ExecutionException e) {
            // It takes longer, or has failed already.
        }
    }

    /** Returns whether a connection was lost before, and sends the notice. */
    private boolean noticeReconnect() {
        Disconnected before = disconnected;
        if (before == null) {
            return false;
        }
        disconnected = null;
        counters.reconnects.increment();
        feed.notice(new LiveNotice.Reconnected(before.position, Duration.ofNanos(clock.nanos() - before.since)));
        return true;
    }

    /** Polls through the pool until the time is over, the condition holds or the loop is stopped. */
    private void pollUntil(BooleanSupplier condition, long limit) {
        long pollAfter = settings.pollInterval().toNanos();
        long start = clock.nanos();
        long nextPoll = start;
        long now = start;
        while (signals.isRunning() && now - start < limit && !condition.getAsBoolean()) {
            if (signals.takeReadSoon() || commits.isPending() && reader.isActive()) {
                commits.answer();
                nextPoll = now;
            }
            poller.audit();
            if (nextPoll <= now) {
                nextPoll = poller.poll(this::readSoon) ? now + pollAfter : now;
            }
            LockSupport.parkNanos(Math.min(ListeningSession.SLICE, Math.max(1, limit - (now - start))));
            now = clock.nanos();
        }
    }

    private void enter(State next, int attempts, @Nullable RuntimeException failure) {
        if (signals.isRunning()) {
            state.enter(next, attempts, null, failure);
        }
    }

    /** When the connection was lost, and how far the reader was. */
    private record Disconnected(Version position, long since) {}

    /**
     * How a connection has ended.
     *
     * @param failure why; null if the loop was stopped
     * @param listened whether the connection was established and checked
     * @param hasRead whether it has served a read
     */
    private record Ended(@Nullable RuntimeException failure, boolean listened, boolean hasRead) {}
}
