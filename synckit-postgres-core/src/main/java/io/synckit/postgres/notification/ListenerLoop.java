package io.synckit.postgres.notification;

import io.synckit.ConnectionSource;
import io.synckit.InvalidConnectionException;
import io.synckit.SchemaMismatchException;
import io.synckit.Version;
import io.synckit.postgres.internal.jdbc.Bell;
import io.synckit.postgres.internal.jdbc.ListenConnection;
import io.synckit.postgres.internal.jdbc.Session;
import io.synckit.postgres.internal.jdbc.SqlFailure;
import io.synckit.postgres.internal.runtime.Backoff;
import io.synckit.postgres.internal.runtime.NamedThreads;
import io.synckit.postgres.internal.runtime.Watchdog;
import io.synckit.postgres.notification.ListenerStatus.State;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.Locale;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.event.Level;

/**
 * What the owner's thread does: keeps a connection that listens, answers its bell with a look at the table, and while there is none
 * polls through the pool. One start, one end.
 */
final class ListenerLoop implements Runnable {

    private static final Logger log = LoggerFactory.getLogger(ListenerLoop.class);

    /** How long it waits without a look at its flags: the driver has no way to be woken by another thread. */
    private static final long SLICE = millis(50);

    private static final long SLICE_WHEN_STORED = millis(10);

    /** After this long without a bell, a commit of this process's counts as one that nobody has rung for. */
    private static final long BELL_IS_LATE = millis(20);

    /** Pauses between looks while more may follow: under load, and while a writer takes its time. */
    private static final long FIRST_PAUSE = millis(1);

    private static final long LONGEST_PAUSE_UNDER_LOAD = millis(16);
    private static final long LONGEST_PAUSE = millis(200);

    private static final long LONGEST_SILENCE = Duration.ofSeconds(10).toNanos();

    /** The pause before the first attempt to connect again: for nothing but a loop of connections that break at once. */
    private static final long SHORTEST_PAUSE = millis(100);

    private final ListenerSettings settings;
    private final DataSource physical;
    private final ConnectionSource pool;
    private final Bell bell;
    private final Tail tail;
    private final Watchdog watchdog;
    private final Poller poller;
    private final SubscriptionManager subscriptions;
    private final Counters counters;
    private final Consumer<ListenerStatus> watchers;
    private volatile boolean running = true;
    private volatile boolean lookSoon;
    private volatile @Nullable ListenConnection link;
    private volatile ListenerStatus status;
    private volatile @Nullable Instant lastBell;
    private volatile @Nullable Duration roundTrip;
    private final AtomicReference<Commit> stored = new AtomicReference<>(new Commit(0, 0));
    private Commit answered = stored.get();
    private long rangAt;
    private @Nullable Away away;

    /** Whether the last connection has listened, and answered a look: one that never does counts as a failed attempt. */
    private boolean listened;

    private boolean worked;
    private boolean atHome;

    ListenerLoop(
            ListenerSettings settings,
            DataSource physical,
            ConnectionSource pool,
            Bell bell,
            Tail tail,
            Watchdog watchdog,
            Poller poller,
            SubscriptionManager subscriptions,
            Counters counters,
            Consumer<ListenerStatus> watchers) {
        this.settings = settings;
        this.physical = physical;
        this.pool = pool;
        this.bell = bell;
        this.tail = tail;
        this.watchdog = watchdog;
        this.poller = poller;
        this.subscriptions = subscriptions;
        this.counters = counters;
        this.watchers = watchers;
        State first = settings.polls() ? State.POLLING : State.CONNECTING;
        this.status = new ListenerStatus(first, Instant.now(), 0, null, null, null, null);
    }

    private static long millis(long millis) {
        return Duration.ofMillis(millis).toNanos();
    }

    ListenerStatus status() {
        ListenerStatus last = status;
        return new ListenerStatus(
                last.state(), last.since(), last.attempts(), lastBell, roundTrip, last.backendPid(), last.failure());
    }

    /** This process has committed something that it began to store at a time of {@link System#nanoTime}. */
    void committed(long begun) {
        long now = System.nanoTime();
        stored.updateAndGet(last -> new Commit(now, last.begun - begun > 0 ? last.begun : begun));
    }

    /** There may be something to read although no bell rings. */
    void lookSoon() {
        lookSoon = true;
    }

    /** Ends the loop; its thread ends soon after. */
    void stop() {
        running = false;
        ListenConnection current = link;
        if (current != null) {
            current.abort();
        }
    }

    @Override
    public void run() {
        try {
            if (settings.polls()) {
                enter(State.POLLING, 0, null, null);
                pollUntil(() -> false, Long.MAX_VALUE);
            } else {
                enter(State.CONNECTING, 0, null, null);
                keepListening();
            }
        } catch (RuntimeException | Error e) {
            log.error("listener.broken: the listener has ended by an error of its own; start it again", e);
        } finally {
            enter(State.STOPPED, 0, null, null);
        }
    }

    private void keepListening() {
        int failures = 0;
        while (running) {
            RuntimeException failure = listenOnce();
            if (failure == null || !running) {
                return;
            }
            if (listened) {
                away = new Away(Version.of(tail.position()), System.nanoTime());
                tail.suspect();
            }
            if (worked) {
                failures = 0;
                enter(State.RECONNECTING, 0, null, failure);
                pollUntil(() -> false, SHORTEST_PAUSE);
                continue;
            }
            failures++;
            if (failures < settings.maxReconnectAttempts()) {
                enter(connecting(), failures, null, failure);
                Duration pause = new Backoff(settings.reconnectInterval()).pause(failures);
                pollUntil(() -> false, pause.toNanos());
            } else {
                // It stays so while the database answers polls and the listener's way to it does not work.
                enter(State.FAILED, failures, null, failure);
                if (failures > settings.maxReconnectAttempts()) {
                    Duration pause = new Backoff(settings.reconnectInterval()).pause(failures);
                    pollUntil(() -> false, pause.toNanos());
                }
                long succeeded = poller.succeeded();
                pollUntil(() -> poller.succeeded() > succeeded, Long.MAX_VALUE);
            }
        }
    }

    private State connecting() {
        return away == null ? State.CONNECTING : State.RECONNECTING;
    }

    /** One connection, from its beginning to its end; why it ended, or null if the loop was stopped. */
    private @Nullable RuntimeException listenOnce() {
        listened = false;
        worked = false;
        try (ListenConnection connected = connect()) {
            if (connected == null) {
                return null;
            }
            link = connected;
            requireSameHome(connected);
            tail.horizon(connected.connection());
            listened = true;
            enter(State.LISTENING, 0, connected.backendPid(), null);
            probe(connected);
            if (tellReconnected()) {
                // It may have held the bell when its connection broke, and others have relied on it.
                ring(connected);
            }
            listen(connected);
            return null;
        } catch (SQLException e) {
            return SqlFailure.named("listening", e);
        } catch (RuntimeException e) {
            return e;
        } finally {
            link = null;
        }
    }

    /** On another thread, since that may take as long as the driver's time-outs say; polls meanwhile. Null if the loop was stopped. */
    private @Nullable ListenConnection connect() throws SQLException {
        CompletableFuture<ListenConnection> connecting = new CompletableFuture<>();
        Thread connector = NamedThreads.single("synckit-connect-" + settings, () -> {
            try {
                ListenConnection connected = ListenConnection.open(physical, pool, bell, watchdog);
                if (!connecting.complete(connected)) {
                    connected.close();
                }
            } catch (SQLException | RuntimeException | Error e) {
                connecting.completeExceptionally(e);
            }
        });
        connector.start();
        await(connecting);
        pollUntil(connecting::isDone, Long.MAX_VALUE);
        if (connecting.cancel(false)) {
            return null; // stopped; whatever comes of it is closed
        }
        try {
            return connecting.join();
        } catch (CompletionException e) {
            if (e.getCause() instanceof SQLException failure) {
                throw failure;
            }
            if (e.getCause() instanceof RuntimeException failure) {
                throw failure;
            }
            throw e;
        }
    }

    /** The time that it takes when all is well, in which nothing need be polled. */
    private static void await(CompletableFuture<?> connecting) {
        try {
            connecting.get(SLICE, TimeUnit.NANOSECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (TimeoutException | ExecutionException e) {
            // It takes longer, or has failed already.
        }
    }

    /** Once: a URL that leads somewhere else does so from the beginning. */
    private void requireSameHome(ListenConnection connected) throws SQLException {
        if (atHome) {
            return;
        }
        String poolsHome;
        try (Session session = Session.open(pool)) {
            poolsHome = bell.home(session.connection());
        } catch (SQLException | RuntimeException e) {
            log.debug("listener.unverified: the pool cannot be asked: {}", e.getMessage());
            return;
        }
        if (!poolsHome.equals(bell.home(connected.connection()))) {
            throw new InvalidConnectionException(
                    "the listener is connected to another database than the pool; give it a URL of"
                            + " the same (synckit.postgres.listener.url)");
        }
        atHome = true;
    }

    /** Until the connection breaks or the loop is stopped. */
    private void listen(ListenConnection connected) throws SQLException {
        long probeAfter =
                Math.min(LONGEST_SILENCE, settings.notificationTimeout().toNanos() / 3);
        long now = System.nanoTime();
        long nextLook = now;
        long quietUntil = now;
        long pause = FIRST_PAUSE;
        long lastAnswer = now;
        boolean asked = false;
        while (running) {
            boolean rang = false;
            poller.audit();
            if (quietUntil > now) {
                LockSupport.parkNanos(quietUntil - now);
            } else if (nextLook > now) {
                long slice = stored.get() == answered ? SLICE : SLICE_WHEN_STORED;
                rang = connected.await(Duration.ofNanos(Math.min(slice, nextLook - now)));
            }
            now = System.nanoTime();
            if (rang) {
                heard();
                lastAnswer = now;
            }
            if (lookSoon || ringIfNobodyDid(connected, now) || (rang && tail.isAwake())) {
                lookSoon = false;
                asked = true;
                nextLook = now;
            }
            if (nextLook <= now && quietUntil <= now) {
                if (!asked) {
                    counters.polls.increment();
                }
                Tail.Look look = asked || status.state() == State.POLLING
                        ? tail.look(connected.connection())
                        : tail.poll(connected.connection());
                worked = true;
                asked = look.more();
                now = System.nanoTime();
                lastAnswer = now;
                if (look.more() && look.found() > 0 && settings.mayHoldBell()) {
                    // Under load: whatever is committed in the pause is read after it.
                    pause = Math.min(pause, LONGEST_PAUSE_UNDER_LOAD);
                    if (connected.holdBell(bell, Duration.ofNanos(pause))) {
                        heard();
                    }
                    pause *= 2;
                    nextLook = System.nanoTime();
                } else if (look.more()) {
                    long longest = look.found() > 0 ? LONGEST_PAUSE_UNDER_LOAD : LONGEST_PAUSE;
                    quietUntil = now + Math.min(pause, LONGEST_PAUSE_UNDER_LOAD);
                    nextLook = now + pause;
                    pause = Math.min(pause * 2, longest);
                } else {
                    pause = FIRST_PAUSE;
                    quietUntil = now;
                    nextLook = now + pollAfter();
                }
            } else if (now - lastAnswer >= probeAfter) {
                probe(connected);
                lastAnswer = System.nanoTime();
                nextLook = Math.min(nextLook, lastAnswer + pollAfter());
            }
        }
    }

    /** Without a trigger nobody rings: then it polls, on this connection, until there is one again. */
    private void probe(ListenConnection connected) throws SQLException {
        ListenConnection.Probe answer = connected.probe(bell);
        roundTrip = answer.roundTrip();
        boolean rang = status.state() == State.LISTENING;
        if (rang != answer.rings()) {
            enter(
                    answer.rings() ? State.LISTENING : State.POLLING,
                    0,
                    connected.backendPid(),
                    answer.rings()
                            ? null
                            : new SchemaMismatchException(
                                    "the table " + settings
                                            + " has no trigger that notifies; if that is not meant, set synckit.postgres.notify.mode and migrate"));
        }
    }

    private long pollAfter() {
        boolean rings = status.state() == State.LISTENING;
        return (rings ? settings.notificationTimeout() : settings.pollInterval()).toNanos();
    }

    private boolean tellReconnected() {
        Away gone = away;
        if (gone == null) {
            return false;
        }
        away = null;
        counters.reconnects.increment();
        subscriptions.tell(new LiveNotice.Reconnected(gone.position, Duration.ofNanos(System.nanoTime() - gone.since)));
        return true;
    }

    private void heard() {
        counters.bells.increment();
        rangAt = System.nanoTime();
        lastBell = Instant.now();
    }

    /**
     * A transaction that found the bell taken relies on the one that took it. Should that one fail in its commit phase, nobody rings; so
     * who has stored something rings for all processes, unless it has heard a bell since. (Whoever was rung since saw it announced, and
     * looks again until it has ended. That it was delivered here says nothing of the others.)
     */
    private boolean ringIfNobodyDid(ListenConnection connected, long now) throws SQLException {
        Commit commit = stored.get();
        if (commit == answered || now - commit.at < BELL_IS_LATE) {
            return false;
        }
        boolean heard = lastBell != null && rangAt - commit.begun >= 0;
        if (!heard) {
            ring(connected);
        }
        answered = commit;
        return !heard;
    }

    private void ring(ListenConnection connected) throws SQLException {
        watchdog.watch(connected.connection(), () -> {
            bell.ring(connected.connection());
            return true;
        });
    }

    /** Polls until the time is over, or a condition holds, or the loop is stopped. */
    private void pollUntil(BooleanSupplier condition, long longest) {
        long pollAfter = settings.pollInterval().toNanos();
        long start = System.nanoTime();
        long nextPoll = start;
        long now = start;
        while (running && now - start < longest && !condition.getAsBoolean()) {
            Commit commit = stored.get();
            if (lookSoon || (commit != answered && tail.isAwake())) {
                lookSoon = false;
                answered = commit;
                nextPoll = now;
            }
            poller.audit();
            if (nextPoll <= now) {
                nextPoll = poller.poll(this::lookSoon) ? now + pollAfter : now;
            }
            LockSupport.parkNanos(Math.min(SLICE, Math.max(1, longest - (now - start))));
            now = System.nanoTime();
        }
    }

    private void enter(State state, int attempts, @Nullable Integer backendPid, @Nullable RuntimeException failure) {
        if (!running && state != State.STOPPED) {
            return;
        }
        boolean changed = status.state() != state || status.failure() == null;
        Instant since = status.state() == state ? status.since() : Instant.now();
        status = new ListenerStatus(state, since, attempts, null, null, backendPid, failure);
        String name = state.name().toLowerCase(Locale.ROOT);
        if (failure == null) {
            log.info("listener.{}: {}", name, settings);
        } else {
            log.atLevel(changed ? Level.WARN : Level.DEBUG)
                    .log("listener.{}: {} attempts={}: {}", name, settings, attempts, failure.getMessage());
        }
        watchers.accept(status());
    }

    /** The last commit of this process, and when what was committed was begun. */
    private record Commit(long at, long begun) {}

    /** Since when the connection is lost, and how far the tail was. */
    private record Away(Version position, long since) {}
}
