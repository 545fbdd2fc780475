package io.synckit.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.synckit.ConnectionSource;
import io.synckit.Event;
import io.synckit.EventStore;
import io.synckit.Filter;
import io.synckit.HistoryChangedException;
import io.synckit.InvalidConfigException;
import io.synckit.InvalidConnectionException;
import io.synckit.SchemaException;
import io.synckit.StoredEvent;
import io.synckit.Version;
import io.synckit.postgres.internal.json.JacksonJson;
import io.synckit.postgres.internal.sql.PhysicalConnections;
import io.synckit.postgres.notification.NotificationListener;
import io.synckit.postgres.notification.NotificationListenerBuilder;
import io.synckit.postgres.schema.NotifyMode;
import io.synckit.postgres.schema.SchemaMigrator;
import io.synckit.postgres.testing.Await;
import io.synckit.postgres.testing.CallersTransaction;
import io.synckit.postgres.testing.Collector;
import io.synckit.postgres.testing.TcpProxy;
import io.synckit.postgres.testing.TestDatabase;
import io.synckit.postgres.testing.TestPostgres;
import io.synckit.postgres.testing.TransactionPooler;
import io.synckit.subscription.ListenerStatus;
import io.synckit.subscription.ListenerStatus.State;
import io.synckit.subscription.LiveNotice;
import io.synckit.subscription.LiveOptions;
import io.synckit.subscription.LiveSubscription;
import java.sql.Connection;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import javax.sql.DataSource;
import org.assertj.core.api.InstanceOfAssertFactories;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.postgresql.ds.PGSimpleDataSource;

/** The listener's connection and what becomes of it, each fault made by hand, and each setting seen at work. */
class ListenerTest {

    private static final Duration NEVER = Duration.ofHours(1);
    private static final Duration SOON = Duration.ofMillis(200);

    @RegisterExtension
    private final TestDatabase database = TestPostgres.shared().migratedDatabase();

    private TcpProxy proxy;
    private EventStore writer;
    private NotificationListener listener;
    private final Collector<ListenerStatus> states = new Collector<>();
    private final Collector<Object> seen = new Collector<>();

    @BeforeEach
    void open() {
        proxy = new TcpProxy(database.host(), database.port());
        // Stands for another process, whose commits this listener learns from the database only.
        writer = PostgresEventStore.on(database.pool(), Config.defaults());
    }

    @AfterEach
    void close() {
        if (listener != null) {
            listener.close();
        }
        proxy.close();
    }

    private NotificationListenerBuilder builder(DataSource physical) {
        return NotificationListener.builder(physical, ConnectionSource.of(database.pool()), new JacksonJson())
                .withNotificationTimeout(NEVER)
                .withReconnectSettings(SOON, 1000)
                .longestCall(Duration.ofSeconds(20));
    }

    private DataSource throughProxy() {
        return PhysicalConnections.of(database.urlAt("localhost:" + proxy.port()), null, null);
    }

    private void start(NotificationListenerBuilder builder) {
        listener = builder.build();
        listener.watch(states::add);
        listener.subscriptions().live(LiveOptions.named("test").onNotice(seen::add), event -> seen.add(event.data()));
        listener.start();
    }

    private ListenerStatus until(State state) throws InterruptedException {
        return states.until(status -> status.state() == state);
    }

    private void store(Object data) {
        writer.store(Event.of("a", "T", data));
    }

    private Object nextEvent() throws InterruptedException {
        return seen.until(item -> !(item instanceof LiveNotice));
    }

    @Test
    void statusShowsTheProgress() throws Exception {
        start(builder(database.physical()).withNotificationTimeout(SOON));
        ListenerStatus connected = until(State.LISTENING);

        assertThat(listener.isConnected()).isTrue();
        assertThat(connected.attempts()).isZero();
        assertThat(connected.failure()).isNull();
        assertThat(database.query("select query from pg_stat_activity where pid = " + connected.backendPid()))
                .isNotNull();
        store(1);
        assertThat(nextEvent()).isEqualTo(1);
        Await.until(() -> listener.status().lastNotification() != null);
        assertThat(listener.status().since()).isEqualTo(connected.since());
        Await.until(() -> listener.status().roundTrip() != null);

        listener.stop();
        until(State.STOPPED);
        assertThat(listener.isConnected()).isFalse();
        assertThat(listener.status().backendPid()).isNull();
    }

    @Test
    void terminatedSessionIsReplacedWithANotice() throws Exception {
        start(builder(database.physical()));
        Integer pid = until(State.LISTENING).backendPid();
        store(1);
        assertThat(nextEvent()).isEqualTo(1);

        database.execute("select pg_terminate_backend(" + pid + ")");

        assertThat(until(State.RECONNECTING).failure())
                .isInstanceOf(InvalidConnectionException.class)
                .hasMessageContaining("57P01");
        assertThat(until(State.LISTENING).backendPid()).isNotEqualTo(pid);
        LiveNotice.Reconnected told = (LiveNotice.Reconnected) seen.until(LiveNotice.Reconnected.class::isInstance);
        assertThat(told.caughtUpFrom()).isEqualTo(Version.of(1));
        assertThat(told.away()).isPositive();
        store(2);
        assertThat(nextEvent()).isEqualTo(2);
    }

    @Test
    void eventsDuringAnOutageComeAfterTheNotice() throws Exception {
        // A pool that is of no use either: nothing is polled.
        ConnectionSource pool = () -> {
            throw new java.sql.SQLException("the pool is empty", "53300");
        };
        boolean[] broken = new boolean[1];
        listener = NotificationListener.builder(
                        throughProxy(),
                        () -> broken[0]
                                ? pool.borrow()
                                : ConnectionSource.of(database.pool()).borrow(),
                        new JacksonJson())
                .withNotificationTimeout(NEVER)
                .withReconnectSettings(SOON, 1000)
                .build();
        listener.watch(states::add);
        listener.subscriptions().live(LiveOptions.named("test").onNotice(seen::add), event -> seen.add(event.data()));
        listener.start();
        until(State.LISTENING);
        broken[0] = true;
        proxy.refuse();
        until(State.RECONNECTING);
        store(1);
        store(2);
        proxy.heal();

        assertThat(seen.next()).isInstanceOf(LiveNotice.Reconnected.class);
        assertThat(seen.next(2)).containsExactly(1, 2);
    }

    @Test
    void listenerPollsThroughThePoolUntilConnected() throws Exception {
        proxy.refuse();
        start(builder(throughProxy()).withReconnectSettings(SOON, 3));

        ListenerStatus first = states.until(status -> status.attempts() == 1);
        assertThat(first.state()).isEqualTo(State.CONNECTING);
        assertThat(first.failure()).isInstanceOf(InvalidConnectionException.class);
        store(1);
        assertThat(nextEvent()).isEqualTo(1);
        assertThat(until(State.FAILED).attempts()).isEqualTo(3);
        store(2);
        assertThat(nextEvent()).isEqualTo(2);
        // Polls succeed, so it tries again, and stays what it is.
        assertThat(states.until(status -> status.attempts() > 3).state()).isEqualTo(State.FAILED);

        proxy.heal();
        until(State.LISTENING);
        store(3);
        assertThat(nextEvent()).isEqualTo(3);
    }

    @Test
    void silentConnectionIsReplaced() throws Exception {
        start(builder(throughProxy()).withNotificationTimeout(SOON).longestCall(Duration.ofSeconds(1)));
        until(State.LISTENING);

        proxy.goSilent();
        until(State.RECONNECTING);
        store(1);
        assertThat(nextEvent()).isEqualTo(1);
        proxy.heal();

        until(State.LISTENING);
        store(2);
        assertThat(nextEvent()).isEqualTo(2);
    }

    /** No time-out ends the attempt; what is polled and stopped does not wait for it. */
    @Test
    void unresponsiveServerBlocksNothing() throws Exception {
        proxy.goSilent();
        PGSimpleDataSource patient = new PGSimpleDataSource();
        patient.setUrl(database.urlAt("localhost:" + proxy.port()) + "&connectTimeout=0&loginTimeout=0");
        start(builder(patient));

        store(1);

        assertThat(nextEvent()).isEqualTo(1);
        assertThat(listener.status().state()).isEqualTo(State.CONNECTING);
        listener.close();
        assertThat(listener.status().state()).isEqualTo(State.STOPPED);
    }

    @Test
    void connectionStoppedWithinAMessageIsReplaced() throws Exception {
        start(builder(throughProxy()).longestCall(Duration.ofSeconds(1)));
        until(State.LISTENING);

        proxy.stopInTheMiddle(3);
        store(1);
        until(State.RECONNECTING);
        assertThat(nextEvent()).isEqualTo(1);
        proxy.heal();

        until(State.LISTENING);
    }

    /** Two addresses, as in a URL for fail-over: the first is gone. */
    @Test
    void anotherAddressIsTried() throws Exception {
        try (TcpProxy second = new TcpProxy(database.host(), database.port())) {
            String hosts = "localhost:" + proxy.port() + ",localhost:" + second.port();
            start(builder(PhysicalConnections.of(database.urlAt(hosts), null, null)));
            until(State.LISTENING);
            assertThat(second.sentByClients()).isZero();

            proxy.refuse();

            until(State.RECONNECTING);
            until(State.LISTENING);
            assertThat(second.sentByClients()).isPositive();
            store(1);
            assertThat(nextEvent()).isEqualTo(1);
        }
    }

    @Test
    void transactionPoolerIsNamedAndPollingContinues() throws Exception {
        try (TransactionPooler pooler = new TransactionPooler(database.host(), database.port())) {
            start(builder(PhysicalConnections.of(database.urlAt("localhost:" + pooler.port()), null, null))
                    .withReconnectSettings(SOON, 1)
                    .longestCall(Duration.ofSeconds(20)));

            ListenerStatus failed = until(State.FAILED);

            assertThat(failed.failure())
                    .hasMessageContaining("PgBouncer")
                    .hasMessageContaining("synckit.postgres.listener.url")
                    .asInstanceOf(InstanceOfAssertFactories.type(InvalidConnectionException.class))
                    .returns(InvalidConnectionException.Reason.TRANSACTION_POOLER, InvalidConnectionException::reason);
            store(1);
            assertThat(nextEvent()).isEqualTo(1);
        }
    }

    @Test
    void withoutABellThePollFindsEverything() throws Exception {
        database.execute("drop trigger events_notify on synckit.events");
        start(builder(database.physical()).withNotificationTimeout(SOON));
        until(State.LISTENING);

        for (int i = 0; i < 5; i++) {
            store(i);
            assertThat(nextEvent()).isEqualTo(i);
        }
        assertThat(listener.status().lastNotification()).isNull();
    }

    /** Another application has changed the table's mode: this one notices, and polls until it is changed back. */
    @Test
    void missingNotifyTriggerIsNoticed() throws Exception {
        start(builder(database.physical()).withNotificationTimeout(SOON));
        until(State.LISTENING);

        mode(NotifyMode.OFF);

        assertThat(until(State.POLLING).failure())
                .isInstanceOf(SchemaException.class)
                .hasMessageContaining("synckit.postgres.notify.mode");
        store(1);
        assertThat(nextEvent()).isEqualTo(1);
        mode(NotifyMode.COALESCED);
        until(State.LISTENING);
    }

    private void mode(NotifyMode mode) {
        new SchemaMigrator(database.physical(), "synckit", "events", new SchemaMigrator.Options(false, false, mode))
                .migrate();
    }

    @Test
    void modeOffOnlyPolls() throws Exception {
        start(builder(throughProxy()).notifyMode(NotifyMode.OFF).withNotificationTimeout(SOON));
        until(State.POLLING);

        store(1);

        assertThat(nextEvent()).isEqualTo(1);
        assertThat(proxy.sentByClients()).isZero();
    }

    @Test
    void inModeOffOwnCommitsNeedNoPoll() throws Exception {
        try (RealtimeEventStore store = RealtimeEventStore.on(
                database.pool(),
                database.physical(),
                Config.builder()
                        .notifyMode(NotifyMode.OFF)
                        .notificationTimeout(NEVER)
                        .build())) {
            store.subscriptions().live(LiveOptions.named("test"), event -> seen.add(event.data()));
            for (int i = 0; i < 3; i++) {
                store.store(Event.of("a", "T", i));
                assertThat(seen.next()).isEqualTo(i);
            }
        }
    }

    @Test
    void eachEventModeServesOurListenersAsWell() throws Exception {
        mode(NotifyMode.EACH_EVENT);
        start(builder(database.physical()).notifyMode(NotifyMode.EACH_EVENT));
        until(State.LISTENING);

        store(1);

        assertThat(nextEvent()).isEqualTo(1);
        Await.until(() -> listener.status().lastNotification() != null);
    }

    /** The transaction with the doorbell lock fails in its commit phase. The process of the other transaction notifies. */
    @Test
    void processNotifiesIfTheTransactionWithTheDoorbellLockFails() throws Exception {
        start(builder(database.physical()));
        until(State.LISTENING);
        try (RealtimeEventStore store = RealtimeEventStore.on(
                        database.pool(),
                        database.physical(),
                        Config.builder().notificationTimeout(NEVER).build());
                CallersTransaction notifier = CallersTransaction.begin(database)) {
            Collector<StoredEvent> own = new Collector<>();
            store.subscriptions().live(LiveOptions.named("test"), own::add);
            Await.until(store::isListenerConnected);
            notifier.store().store(Event.of("b", "T", 0));
            notifier.execute("select synckit.events_take_doorbell()");
            store.store(Event.of("a", "T", 1));
            notifier.rollback();

            assertThat(own.next().data()).isEqualTo(1);
            assertThat(nextEvent()).isEqualTo(1);
        }
    }

    /** A transaction that finds the doorbell lock taken does not notify, so a reader must read until the lock is free. */
    @Test
    void readerReadsAgainWhileTheDoorbellLockIsHeld() throws Exception {
        start(builder(database.physical()));
        until(State.LISTENING);
        try (CallersTransaction notifier = CallersTransaction.begin(database)) {
            notifier.execute("select synckit.events_take_doorbell()");
            Instant held = Instant.now();
            database.execute("select pg_notify(synckit.events_channel(), '')");
            Await.until(() -> listener.reader().orElseThrow().readAt().isAfter(held));

            store(1);

            assertThat(nextEvent()).isEqualTo(1);
        }
    }

    @Test
    void stoppedListenerCatchesUpAfterTheNextStart() throws Exception {
        start(builder(database.physical()));
        until(State.LISTENING);
        listener.stop();
        listener.stop();
        until(State.STOPPED);
        store(1);
        assertThat(seen.rest()).isEmpty();

        listener.start();
        listener.start();

        assertThat(nextEvent()).isEqualTo(1);
    }

    @Test
    void nothingIsDeliveredBeforeTheStart() throws Exception {
        store(1);
        listener = builder(database.physical()).build();
        Collector<State> during = new Collector<>();
        listener.subscriptions()
                .live(
                        LiveOptions.named("test").from(Version.ZERO),
                        event -> during.add(listener.status().state()));

        listener.start();

        assertThat(during.next()).isNotEqualTo(State.STOPPED);
    }

    @Test
    void stopDoesNotWaitForAnUnreachableServer() throws Exception {
        proxy.refuse();
        start(builder(throughProxy()).withReconnectSettings(NEVER, 10));
        states.until(status -> status.attempts() == 1);

        listener.close();

        assertThat(listener.status().state()).isEqualTo(State.STOPPED);
        assertThat(Thread.getAllStackTraces().keySet())
                .noneMatch(
                        thread -> thread.getName().startsWith("synckit-listener-synckit.events") && thread.isAlive());
    }

    /** It connects, and every look fails: that is no connection, and no reason to try without pauses. */
    @Test
    void roleThatMayNotReadFailsAfterAllAttempts() throws Exception {
        String role = "reader_" + database.name();
        database.execute(
                "create role " + role + " login password 'secret'",
                "grant usage on schema synckit to " + role,
                "grant select on sequence synckit.events_version_seq to " + role);
        try {
            start(builder(PhysicalConnections.of(
                            database.url().replaceAll("(user|password)=[^&]*", ""), role, "secret"))
                    .withReconnectSettings(SOON, 3));

            ListenerStatus failed = until(State.FAILED);

            assertThat(failed.attempts()).isEqualTo(3);
            assertThat(failed.failure())
                    .asInstanceOf(InstanceOfAssertFactories.type(InvalidConnectionException.class))
                    .returns(InvalidConnectionException.Reason.MISSING_PRIVILEGE, InvalidConnectionException::reason);
            store(1);
            assertThat(nextEvent()).isEqualTo(1);
        } finally {
            listener.close();
            database.execute(
                    "revoke all on all sequences in schema synckit from " + role,
                    "drop owned by " + role,
                    "drop role " + role);
        }
    }

    @Test
    void watcherAndHandlerMayStopAndClose() throws Exception {
        listener = builder(database.physical()).build();
        listener.watch(status -> {
            states.add(status);
            if (status.state() == State.LISTENING) {
                listener.stop();
            }
        });
        listener.start();
        until(State.STOPPED);
        listener.close();

        NotificationListener second = builder(database.physical()).build();
        second.watch(states::add);
        second.subscriptions().live(LiveOptions.named("test"), event -> {
            second.close();
            seen.add("closed");
        });
        second.start();
        until(State.LISTENING);
        store(1);
        assertThat(seen.next()).isEqualTo("closed");
        until(State.STOPPED);
    }

    /** As after a restore: the last events are gone, and their versions are given out again. */
    @Test
    void changedHistoryIsNamedWithASafePosition() throws Exception {
        start(builder(database.physical()));
        until(State.LISTENING);
        Collector<Object> behind = new Collector<>();
        for (int i = 1; i <= 5; i++) {
            store(i);
        }
        seen.next(5);
        listener.stop();
        until(State.STOPPED);
        database.execute(
                "set synckit.maintenance = 'on'",
                "delete from synckit.events where version > 3",
                "select setval('synckit.events_version_seq', 3)");
        store("other");
        store("another");

        listener.start();

        LiveNotice.Ended ended = (LiveNotice.Ended) seen.until(LiveNotice.Ended.class::isInstance);
        assertThat(ended.failure()).isInstanceOf(HistoryChangedException.class);
        Version safe = ((HistoryChangedException) ended.failure()).safe();
        assertThat(safe).isEqualTo(Version.of(3));
        listener.subscriptions().live(LiveOptions.named("test").from(safe), event -> behind.add(event.data()));
        assertThat(behind.next(2)).containsExactly("other", "another");
    }

    /** A table that is emptied gives its versions out again. The listener gets no other signal. */
    @Test
    void truncateWithRestartEndsSubscriptionsByName() throws Exception {
        start(builder(database.physical()));
        until(State.LISTENING);
        for (int i = 0; i < 20; i++) {
            store(i);
        }
        seen.next(20);

        database.execute(
                "begin; set local synckit.maintenance = 'on'; truncate synckit.events restart identity; commit");
        for (int i = 0; i < 25; i++) {
            store("again");
        }

        LiveNotice.Ended ended = (LiveNotice.Ended) seen.until(LiveNotice.Ended.class::isInstance);
        assertThat(ended.failure()).isInstanceOf(HistoryChangedException.class);
        assertThat(((HistoryChangedException) ended.failure()).safe()).isEqualTo(Version.ZERO);
        assertThat(listener.historyChange()).isPresent();
        Collector<Object> after = new Collector<>();
        listener.subscriptions().live(LiveOptions.named("test").from(Version.ZERO), event -> after.add(event.data()));
        assertThat(after.next(25)).containsOnly("again");
        listener.stop();
        listener.start();
        assertThat(listener.historyChange()).isEmpty();
    }

    /** The reader's snapshot shows an empty table. The horizon, which it reads next, is already after its position. */
    @Test
    void truncateIsFoundWhenVersionsCatchUpDuringARead() throws Exception {
        start(builder(database.physical()));
        until(State.LISTENING);
        for (int i = 0; i < 20; i++) {
            store(i);
        }
        seen.next(20);
        database.execute("do $$ begin execute replace(pg_get_functiondef('synckit.events_horizon()'::regprocedure),"
                + " 'events_horizon', 'events_horizon_at_once'); end $$");
        database.execute("create or replace function synckit.events_horizon(out stable bigint, out settled bigint,"
                + " out head bigint, out doorbell_held boolean, out isolation text, out standby boolean)"
                + " language plpgsql as $$ begin perform pg_advisory_xact_lock_shared(4711);"
                + " select * into stable, settled, head, doorbell_held, isolation, standby"
                + " from synckit.events_horizon_at_once(); end $$");
        try (Connection gate = database.connect();
                Statement statement = gate.createStatement()) {
            statement.execute("select pg_advisory_lock(4711)");
            database.execute(
                    "begin; set local synckit.maintenance = 'on'; truncate synckit.events restart identity; commit");
            store("again");
            Await.until(
                    database,
                    "select count(*) > 0 from pg_locks where locktype = 'advisory' and objid = 4711 and not granted",
                    "t");
            for (int i = 1; i < 25; i++) {
                store("again");
            }
        }

        assertThat(seen.until(LiveNotice.Ended.class::isInstance)).isNotNull();
    }

    /** Tests often use fixed ids. */
    @Test
    void truncateIsFoundWhenTheIdsAreTheSame() throws Exception {
        start(builder(database.physical()));
        until(State.LISTENING);
        List<Event> fixtures = IntStream.range(0, 5)
                .mapToObj(i -> Event.of("a", "T", i).withId("fixture-" + i))
                .toList();
        writer.storeBatch(fixtures);
        seen.next(5);

        database.execute(
                "begin; set local synckit.maintenance = 'on'; truncate synckit.events restart identity; commit");
        writer.storeBatch(fixtures);

        assertThat(seen.until(LiveNotice.Ended.class::isInstance)).isNotNull();
        assertThat(listener.historyChange()).isPresent();
    }

    /** A sequence that is moved forward has given out no version yet, but the versions below are settled. */
    @Test
    void sequenceThatIsMovedForwardChangesNoHistory() throws Exception {
        store(1);
        database.execute("alter sequence synckit.events_version_seq restart with 1000");
        start(builder(database.physical()));
        until(State.LISTENING);
        Collector<Object> late = new Collector<>();
        LiveSubscription first = listener.subscriptions()
                .live(LiveOptions.named("late").from(Version.ZERO), event -> late.add(event.data()));

        assertThat(writer.load(Version.ZERO).events()).hasSize(1);
        assertThat(writer.latestVersion()).isEqualTo(Version.of(1));
        assertThat(late.next()).isEqualTo(1);
        first.close();
        store(2);
        assertThat(nextEvent()).isEqualTo(2);
        assertThat(listener.historyChange()).isEmpty();
        assertThat(writer.load(Version.ZERO).events().get(1).version()).isEqualTo(Version.of(1000));
    }

    /** The reader may come only when as many events are stored as before: then the ids differ. */
    @Test
    void truncateIsFoundWhenVersionsHaveCaughtUp() throws Exception {
        start(builder(database.physical()));
        until(State.LISTENING);
        store(1);
        store(2);
        seen.next(2);

        database.execute("begin; set local synckit.maintenance = 'on'; truncate synckit.events restart identity;"
                + " insert into synckit.events (id, aggregate_id, stream_version, event_type, data)"
                + " select 'x' || i, 'x' || i, 1, 'T', '1' from generate_series(1, 9) i; commit");

        LiveNotice.Ended ended = (LiveNotice.Ended) seen.until(LiveNotice.Ended.class::isInstance);
        assertThat(((HistoryChangedException) ended.failure()).safe()).isEqualTo(Version.ZERO);
    }

    /** Without RESTART IDENTITY versions go on, so tests can clear the table under a running application. */
    @Test
    void truncateWithoutRestartKeepsSubscriptions() throws Exception {
        start(builder(database.physical()));
        until(State.LISTENING);
        store(1);
        assertThat(nextEvent()).isEqualTo(1);

        database.execute("begin; set local synckit.maintenance = 'on'; truncate synckit.events; commit");
        store(2);
        assertThat(nextEvent()).isEqualTo(2);
        assertThat(listener.historyChange()).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {"preferQueryMode=simple", "prepareThreshold=-1"})
    void protocolVariantsDeliver(String parameter) throws Exception {
        String url = database.url(parameter);
        start(builder(PhysicalConnections.of(url, null, null)));
        until(State.LISTENING);
        Collector<Object> late = new Collector<>();
        for (int i = 0; i < 300; i++) {
            store(i);
        }
        listener.subscriptions().live(LiveOptions.named("test").from(Version.ZERO), event -> late.add(event.data()));

        assertThat(late.next(300))
                .containsExactlyElementsOf(IntStream.range(0, 300).boxed().toList());
        for (int i = 0; i < 300; i++) {
            assertThat(nextEvent()).isEqualTo(i);
        }
    }

    /** The same while nothing listens: each poll looks whether the log is still the one that was read. */
    @Test
    void changedHistoryIsNoticedByPolling() throws Exception {
        start(builder(database.physical()).notifyMode(NotifyMode.OFF).withNotificationTimeout(SOON));
        for (int i = 1; i <= 5; i++) {
            store(i);
        }
        seen.next(5);
        database.execute(
                "set synckit.maintenance = 'on'",
                "delete from synckit.events where version > 3",
                "select setval('synckit.events_version_seq', 3)");

        LiveNotice.Ended ended = (LiveNotice.Ended) seen.until(LiveNotice.Ended.class::isInstance);
        assertThat(((HistoryChangedException) ended.failure()).safe()).isEqualTo(Version.of(3));
    }

    /** A subscription that had not read as far continues where the logs are the same. */
    @Test
    void subscriptionsBelowTheChangeContinue() throws Exception {
        start(builder(database.physical()));
        until(State.LISTENING);
        Collector<Object> other = new Collector<>();
        listener.subscriptions()
                .live(
                        LiveOptions.named("test")
                                .filter(Filter.aggregateIds("b"))
                                .onNotice(other::add),
                        event -> other.add(event.data()));
        store(1);
        store(2);
        seen.next(2);
        listener.stop();
        database.execute(
                "set synckit.maintenance = 'on'",
                "delete from synckit.events where version > 1",
                "select setval('synckit.events_version_seq', 1)");
        writer.store(Event.of("b", "T", "new"));

        listener.start();

        assertThat(other.next()).isEqualTo("new");
    }

    @Test
    void listenerOfAnotherDatabaseIsRejected() throws Exception {
        try (TestDatabase stranger = TestPostgres.shared().migratedDatabase()) {
            start(builder(stranger.physical()));

            ListenerStatus status = states.until(failed -> failed.failure() != null);

            assertThat(status.failure())
                    .isInstanceOf(InvalidConnectionException.class)
                    .hasMessageContaining("another database");
            store(1);
            assertThat(nextEvent()).isEqualTo(1);
            listener.close();
        }
    }

    @Test
    void anotherDefaultIsolationChangesNothing() throws Exception {
        database.execute(
                "alter database " + database.name() + " set default_transaction_isolation = 'repeatable read'");
        start(builder(database.physical()));
        until(State.LISTENING);
        for (int i = 0; i < 300; i++) {
            store(i);
        }
        for (int i = 0; i < 300; i++) {
            assertThat(nextEvent()).isEqualTo(i);
        }
    }

    @Test
    void rejectingExecutorOnlyDelaysDelivery() throws Exception {
        ThreadPoolExecutor small = new ThreadPoolExecutor(1, 1, 1, TimeUnit.SECONDS, new ArrayBlockingQueue<>(1));
        try {
            start(builder(database.physical()).handlers(small));
            until(State.LISTENING);
            for (int i = 0; i < 4; i++) {
                listener.subscriptions().live(LiveOptions.named("test"), event -> seen.add(event.data()));
            }
            store(1);

            assertThat(seen.next(5)).containsOnly(1);
        } finally {
            listener.close();
            small.shutdownNow();
        }
    }

    @Test
    void interruptedStopStops() throws Exception {
        start(builder(database.physical()));
        until(State.LISTENING);
        Thread.currentThread().interrupt();
        listener.stop();
        assertThat(Thread.interrupted()).isTrue();
        store(1);

        listener.start();

        assertThat(nextEvent()).isEqualTo(1);
    }

    @Test
    void throwingWatcherStopsNothing() throws Exception {
        listener = builder(database.physical()).build();
        listener.watch(status -> {
            throw new AssertionError("on purpose");
        });
        listener.watch(states::add);
        listener.start();

        until(State.LISTENING);
    }

    @Test
    void invalidUrlIsRejectedWithoutItsPassword() {
        assertThatExceptionOfType(InvalidConfigException.class)
                .isThrownBy(() -> PhysicalConnections.of("jdbc:postgresql://host:port/d?password=geheim", null, null))
                .withMessageContaining("listenerConnectionString")
                .withMessageNotContaining("geheim");
    }

    @Test
    void idleProcessOnlyProbes() throws Exception {
        start(builder(throughProxy()).withNotificationTimeout(Duration.ofSeconds(3)));
        until(State.LISTENING);
        for (int i = 0; i < 1000; i++) {
            listener.subscriptions().live(LiveOptions.named("test").filter(Filter.aggregateIds("s-" + i)), event -> {});
        }
        Await.until(() -> listener.status().roundTrip() != null);
        long probes = proxy.sentByClients();
        Duration first = listener.status().roundTrip();

        Await.until(() -> listener.status().roundTrip() != first);

        // Few probes and polls, more of them on a slow machine; a thousand subscriptions add nothing.
        assertThat(proxy.sentByClients() - probes).isBetween(1L, 30L);
    }

    @Test
    void invalidSettingsAreRejected() {
        assertThatExceptionOfType(InvalidConfigException.class)
                .isThrownBy(() -> builder(database.physical()).withNotificationTimeout(Duration.ZERO))
                .withMessageContaining("notificationTimeout");
        assertThatExceptionOfType(InvalidConfigException.class)
                .isThrownBy(() -> builder(database.physical()).withReconnectSettings(SOON, 0))
                .withMessageContaining("maxReconnectAttempts");
    }
}
