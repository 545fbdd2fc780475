package io.synckit.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import io.synckit.ConnectionSource;
import io.synckit.Event;
import io.synckit.StoredEvent;
import io.synckit.Version;
import io.synckit.postgres.internal.json.JacksonJson;
import io.synckit.postgres.notification.NotificationListener;
import io.synckit.postgres.schema.NotifyMode;
import io.synckit.postgres.testing.Await;
import io.synckit.postgres.testing.CallersTransaction;
import io.synckit.postgres.testing.Collector;
import io.synckit.postgres.testing.TcpProxy;
import io.synckit.postgres.testing.TestDatabase;
import io.synckit.postgres.testing.TestPostgres;
import io.synckit.subscription.ListenerStatus;
import io.synckit.subscription.LiveOptions;
import io.synckit.subscription.LiveSubscription;
import java.sql.Connection;
import java.sql.DriverManager;
import java.time.Duration;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** The auditor says so when an event was in the table and was not delivered. */
class AuditTest {

    @RegisterExtension
    private final TestDatabase database = TestPostgres.shared().migratedDatabase();

    private ConnectionSource connections;
    private RealtimeEventStore store;
    private final Collector<StoredEvent> seen = new Collector<>();

    @BeforeEach
    void open() {
        Config config =
                Config.builder().notificationTimeout(Duration.ofHours(1)).build();
        connections = ConnectionSource.of(database.pool());
        NotificationListener listener = RealtimeEventStore.listener(
                        database.physical(), connections, new JacksonJson(), config)
                // Longer than what is done behind its back takes on a slow machine.
                .auditDelay(Duration.ofSeconds(3))
                .build();
        listener.start();
        store = new RealtimeEventStore(PostgresEventStore.on(database.pool(), config), listener, connections);
        store.subscriptions().live(LiveOptions.named("test"), seen::add);
    }

    @AfterEach
    void close() {
        store.close();
    }

    private ListenerStatus.Audit report() {
        return store.listener().audit().orElseThrow();
    }

    private void checkedUpTo(long version) {
        Await.until(() -> {
            Version checked = report().checkedUpTo();
            return checked != null && checked.value() >= version;
        });
    }

    @Test
    void auditFindsDeliveredEvents() throws Exception {
        store.storeBatch(IntStream.range(0, 300)
                .mapToObj(i -> Event.of("a-" + i, "T", i))
                .toList());
        try (CallersTransaction rolledBack = CallersTransaction.begin(database)) {
            rolledBack.store().store(Event.of("b", "T", 1));
        }
        store.store(Event.of("c", "T", 2));
        seen.next(301);
        checkedUpTo(302);

        assertThat(report().checked()).isEqualTo(301);
        assertThat(report().lost()).isZero();
    }

    /** A program stores an event without the fence, at a settled version that the reader has passed. */
    @Test
    void eventBelowTheHorizonIsReportedAsLost() throws Exception {
        try (CallersTransaction rolledBack = CallersTransaction.begin(database)) {
            rolledBack.store().store(Event.of("b", "T", 1));
        }
        store.store(Event.of("c", "T", 2));
        assertThat(seen.next().version()).isEqualTo(Version.of(2));
        database.execute("begin; set local synckit.maintenance = 'on';"
                + " insert into synckit.events (version, id, aggregate_id, stream_version, event_type, data)"
                + " overriding system value values (1, 'late', 'late', 1, 'T', '1'); commit");

        checkedUpTo(2);

        assertThat(report().lost()).isEqualTo(1);
        assertThat(report().firstLost()).isEqualTo(List.of(Version.of(1)));
        assertThat(seen.rest()).isEmpty();
    }

    @Test
    void eventsDeletedForMaintenanceAreNotLost() throws Exception {
        store.store(Event.of("c", "T", 2));
        store.store(Event.of("d", "T", 2));
        seen.next(2);
        database.execute(
                "begin; set local synckit.maintenance = 'on'; delete from synckit.events where version = 1; commit");
        store.store(Event.of("e", "T", 2));
        seen.next();
        checkedUpTo(3);

        assertThat(report().lost()).isZero();
    }

    /** Subscribers come and go: what was handed on is compared all the same. */
    @Test
    void eventsDeliveredBeforeAPauseAreCompared() throws Exception {
        for (int round = 0; round < 3; round++) {
            store.subscriptions().active().forEach(LiveSubscription::close);
            store.subscriptions().live(LiveOptions.named("test"), seen::add);
            try (CallersTransaction rolledBack = CallersTransaction.begin(database)) {
                rolledBack.store().store(Event.of("b", "T", 1));
            }
            store.store(Event.of("c", "T", 2));
            long late = seen.next().version().value() - 1;
            database.execute("begin; set local synckit.maintenance = 'on';"
                    + " insert into synckit.events (version, id, aggregate_id, stream_version, event_type, data)"
                    + " overriding system value values (" + late + ", 'late-" + late + "', 'late-" + late
                    + "', 1, 'T', '1'); commit");
        }

        Await.until(() -> report().lost() == 3);
        assertThat(report().unchecked()).isZero();
    }

    /** A fail-over has lost commits, and their versions are given out again. The audit reports no loss. */
    @Test
    void anotherHistoryIsNotTakenForALoss() throws Exception {
        store.store(Event.of("a", "T", 1));
        assertThat(seen.next().version()).isEqualTo(Version.of(1));
        try (CallersTransaction rolledBack = CallersTransaction.begin(database)) {
            rolledBack.store().store(Event.of("b", "T", 1));
        }
        store.store(Event.of("c", "T", 2));
        assertThat(seen.next().version()).isEqualTo(Version.of(3));
        database.execute(
                "begin; set local synckit.maintenance = 'on';"
                        + " delete from synckit.events where version > 1;"
                        + " insert into synckit.events (version, id, aggregate_id, stream_version, event_type, data)"
                        + " overriding system value values (2, 'new-2', 'n', 1, 'T', '1'), (3, 'new-3', 'n', 2, 'T', '1'); commit");

        database.execute(
                "select pg_terminate_backend(" + store.listener().status().backendPid() + ")");
        Await.until(() -> report().unchecked() > 0);

        assertThat(report().lost()).isZero();
    }

    /** The connection that it asks on is dead: polls go on, on others, and so does it. */
    @Test
    void hangingAuditDelaysNoPoll() throws Exception {
        try (TcpProxy proxy = new TcpProxy(database.host(), database.port());
                Connection dead = DriverManager.getConnection(database.urlAt("localhost:" + proxy.port()))) {
            ConnectionSource pool = () -> isAudit() && !dead.isClosed()
                    ? new ConnectionSource.Borrowed(dead, false, () -> {})
                    : connections.borrow();
            try (NotificationListener polling = NotificationListener.builder(
                            database.physical(), pool, new JacksonJson())
                    .notifyMode(NotifyMode.OFF)
                    .withNotificationTimeout(Duration.ofMillis(20))
                    .longestCall(Duration.ofSeconds(6))
                    .auditDelay(Duration.ofMillis(1))
                    .build()) {
                polling.start();
                Collector<StoredEvent> polled = new Collector<>();
                polling.subscriptions().live(LiveOptions.named("test"), polled::add);
                proxy.goSilent();
                long before = proxy.sentByClients();
                store.store(Event.of("a", "T", 1));
                polled.next();
                Await.until(() -> proxy.sentByClients() > before);

                store.store(Event.of("a", "T", 2));

                assertThat(polled.next().data()).isEqualTo(2);
                assertThat(polling.audit().orElseThrow().checked()).isZero();
                Await.until(() -> polling.audit().orElseThrow().checked() == 2);
            }
        }
    }

    private static boolean isAudit() {
        return StackWalker.getInstance()
                .walk(frames -> frames.anyMatch(frame -> frame.getMethodName().equals("audit")));
    }

    /** A jump of the sequence is no reason to keep a bit for each number. */
    @Test
    void largeGapIsCompared() throws Exception {
        store.store(Event.of("c", "T", 1));
        database.execute("select setval('synckit.events_version_seq', 5000000000)");
        store.store(Event.of("d", "T", 2));
        seen.next(2);
        checkedUpTo(5_000_000_001L);

        assertThat(report().checked()).isEqualTo(2);
        assertThat(report().lost()).isZero();
    }

    @Test
    void nothingIsAskedWhereNothingHappens() {
        assertThat(report()).isEqualTo(new ListenerStatus.Audit(null, 0, 0, List.of(), 0));
    }
}
