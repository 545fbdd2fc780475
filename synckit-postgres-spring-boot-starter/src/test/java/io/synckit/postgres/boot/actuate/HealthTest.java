package io.synckit.postgres.boot.actuate;

import static org.assertj.core.api.Assertions.assertThat;

import io.synckit.Event;
import io.synckit.StoredEvent;
import io.synckit.Version;
import io.synckit.postgres.RealtimeEventStore;
import io.synckit.postgres.schema.SchemaStatus;
import io.synckit.postgres.testing.Await;
import io.synckit.postgres.testing.CallersTransaction;
import io.synckit.postgres.testing.Collector;
import io.synckit.postgres.testing.TcpProxy;
import io.synckit.postgres.testing.TestDatabase;
import io.synckit.postgres.testing.TestPostgres;
import io.synckit.subscription.LiveOptions;
import java.sql.Connection;
import java.sql.Statement;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.springframework.boot.health.contributor.Health;
import org.springframework.boot.health.contributor.HealthIndicator;
import org.springframework.boot.health.contributor.Status;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import org.springframework.context.ApplicationContext;

/** Each state of the health, by its real cause, and what it says. */
class HealthTest {

    private TestDatabase database;
    private ApplicationContextRunner runner;
    private final Collector<StoredEvent> seen = new Collector<>();

    @BeforeEach
    void open() {
        database = TestPostgres.shared().migratedDatabase();
        runner = Applications.on(database);
    }

    @AfterEach
    void close() {
        database.close();
    }

    private static Health health(ApplicationContext context) {
        return context.getBean("synckitHealthContributor", HealthIndicator.class)
                .health();
    }

    @SuppressWarnings("unchecked")
    private static Map<String, String> problems(Health health) {
        return (Map<String, String>) health.getDetails().get("problems");
    }

    private static void untilProblem(ApplicationContext context, String problem) {
        Await.until(() -> problems(health(context)).containsKey(problem));
    }

    private static RealtimeEventStore connected(ApplicationContext context) {
        RealtimeEventStore store = context.getBean(RealtimeEventStore.class);
        Await.until(store::isListenerConnected);
        return store;
    }

    @Test
    void allIsWell() {
        runner.run(context -> {
            RealtimeEventStore store = connected(context);
            store.subscriptions().live(LiveOptions.named("test"), seen::add);
            store.store(Event.of("a", "T", 1));
            seen.next();

            Health health = health(context);

            assertThat(health.getStatus()).isEqualTo(Status.UP);
            assertThat(problems(health)).isEmpty();
            assertThat(health.getDetails()).containsKeys("store", "listener", "live", "reader", "audit");
            assertThat(health.getDetails().get("store").toString())
                    .contains("schemaVersion=" + SchemaStatus.CURRENT_VERSION, "stableVersion=");
        });
    }

    @Test
    void terminatedListenerIsReportedUntilItIsBack() throws Exception {
        try (TcpProxy proxy = new TcpProxy(database.host(), database.port())) {
            runner.withPropertyValues(
                            "synckit.postgres.listener.url=" + database.urlAt("localhost:" + proxy.port()),
                            "synckit.postgres.reconnect-interval=50ms",
                            "synckit.postgres.max-reconnect-attempts=1000")
                    .run(context -> {
                        RealtimeEventStore store = connected(context);
                        proxy.refuse();
                        database.execute("select pg_terminate_backend("
                                + store.listener().status().backendPid() + ")");
                        untilProblem(context, "listener-polling");

                        Health health = health(context);
                        assertThat(health.getStatus()).isEqualTo(Status.UP);
                        assertThat(problems(health).get("listener-polling")).startsWith("the listener only polls: ");
                        assertThat(health.getDetails().get("listener").toString())
                                .contains("RECONNECTING");

                        proxy.heal();
                        Await.until(store::isListenerConnected);
                        assertThat(problems(health(context))).isEmpty();
                    });
        }
    }

    @Test
    void stoppedListenerIsDownIfConfigured() {
        runner.withPropertyValues("synckit.postgres.health.down-for=listener-stopped")
                .run(context -> {
                    RealtimeEventStore store = connected(context);
                    store.listener().stop();

                    Health health = health(context);

                    assertThat(health.getStatus()).isEqualTo(Status.DOWN);
                    assertThat(problems(health).get("listener-stopped")).contains("nothing is delivered");
                });
    }

    @Test
    void failedListenerIsDown() throws Exception {
        try (TcpProxy proxy = new TcpProxy(database.host(), database.port())) {
            runner.withPropertyValues(
                            "synckit.postgres.listener.url=" + database.urlAt("localhost:" + proxy.port()),
                            "synckit.postgres.reconnect-interval=10ms",
                            "synckit.postgres.max-reconnect-attempts=2")
                    .run(context -> {
                        RealtimeEventStore store = connected(context);
                        proxy.refuse();
                        database.execute("select pg_terminate_backend("
                                + store.listener().status().backendPid() + ")");
                        untilProblem(context, "listener-failed");

                        // It stays so, although polls succeed.
                        long polls = store.listener().counts().polls();
                        Await.until(() -> store.listener().counts().polls() > polls + 3);
                        Health health = health(context);
                        assertThat(health.getStatus()).isEqualTo(Status.DOWN);
                        assertThat(problems(health).get("listener-failed"))
                                .startsWith("the listener has given up after ");

                        proxy.heal();
                        Await.until(store::isListenerConnected);
                        assertThat(health(context).getStatus()).isEqualTo(Status.UP);
                    });
        }
    }

    @Test
    void sessionThatHoldsTheHorizonIsNamed() {
        runner.withPropertyValues("synckit.postgres.health.max-horizon-delay=50ms")
                .run(context -> {
                    try (CallersTransaction culprit = CallersTransaction.begin(database)) {
                        culprit.execute("set application_name = 'nightly import'");
                        culprit.store().store(Event.of("b", "T", 1));
                        untilProblem(context, "horizon-held");

                        Health health = health(context);
                        assertThat(health.getStatus()).isEqualTo(Status.UP);
                        assertThat(problems(health).get("horizon-held"))
                                .contains(
                                        "readers wait at version 0 of 1",
                                        "nightly import",
                                        "idle in transaction",
                                        "pg_terminate_backend");
                    }
                    Await.until(() -> problems(health(context)).isEmpty());
                });
    }

    /** A role that may not see how old a transaction is need not take each one that is at work for an old one. */
    @Test
    void whoseAgeCannotBeSeenIsAProblemOnceItHasBeenMetForLong() {
        String role = "shop_" + database.name();
        database.execute(
                "create role " + role,
                "grant usage on schema synckit to " + role,
                "grant select, insert on synckit.events to " + role,
                "grant select on synckit.events_version_seq to " + role,
                "grant execute on all functions in schema synckit to " + role);
        runner.withPropertyValues(
                        "spring.datasource.url=" + database.url("options=-c%20role%3D" + role),
                        "synckit.postgres.migration.mode=none",
                        "synckit.postgres.health.max-horizon-delay=2s")
                .run(context -> {
                    try (CallersTransaction culprit = CallersTransaction.begin(database)) {
                        culprit.store().store(Event.of("b", "T", 1));

                        assertThat(problems(health(context))).isEmpty();
                        untilProblem(context, "horizon-held");

                        assertThat(problems(health(context)).get("horizon-held"))
                                .contains("grant pg_read_all_stats");
                    }
                });
        database.execute("drop owned by " + role, "drop role " + role);
    }

    @Test
    void laggingSubscriptionIsReported() {
        runner.withPropertyValues("synckit.postgres.health.max-lag=50ms").run(context -> {
            CountDownLatch release = new CountDownLatch(1);
            RealtimeEventStore store = connected(context);
            store.subscriptions().live(LiveOptions.named("test"), event -> {
                release.await();
                seen.add(event);
            });
            store.store(Event.of("a", "T", 1));
            untilProblem(context, "lag");

            assertThat(health(context).getStatus()).isEqualTo(Status.UP);
            assertThat(problems(health(context)).get("lag")).contains("a live subscription is 1 versions");

            release.countDown();
            seen.next();
            Await.until(() -> problems(health(context)).isEmpty());
        });
    }

    /** The notification is lost, and the next poll is an hour away. */
    @Test
    void laggingReaderIsReported() {
        runner.withPropertyValues("synckit.postgres.health.max-lag=50ms").run(context -> {
            RealtimeEventStore store = connected(context);
            store.subscriptions().live(LiveOptions.named("test"), seen::add);
            // Only for one transaction, so no probe notices. The reader may be about to look for another reason: then
            // the next one.
            Await.until(() -> {
                database.execute("begin; alter table synckit.events disable trigger events_notify;"
                        + " insert into synckit.events (id, aggregate_id, event_type, data)"
                        + " values (gen_random_uuid(), 'a', 'T', '1');"
                        + " alter table synckit.events enable always trigger events_notify; commit");
                String lag = problems(health(context)).getOrDefault("lag", "");
                return lag.contains("there has been more to read for");
            });
        });
    }

    /** A full queue has 8 GB. The cause shows at any size: a session that listens and keeps its transaction open. */
    @Test
    void fullNotificationQueueIsReported() {
        runner.withPropertyValues("synckit.postgres.health.max-queue-usage=0.000000001")
                .run(context -> {
                    try (Connection listens = database.connect();
                            Statement statement = listens.createStatement()) {
                        statement.execute("listen whatever");
                        listens.setAutoCommit(false);
                        statement.execute("select 1");
                        for (int i = 0; i < 20; i++) {
                            database.execute("select count(pg_notify('whatever', i || repeat('x', 7000)))"
                                    + " from generate_series(1, 100) i");
                        }
                        untilProblem(context, "queue");

                        assertThat(health(context).getStatus()).isEqualTo(Status.UP);
                        assertThat(problems(health(context)).get("queue")).contains("% full");
                    }
                });
    }

    @Test
    void unresponsiveDatabaseIsDownWithinTheTimeout() {
        runner.withPropertyValues(
                        "spring.datasource.hikari.maximum-pool-size=1", "synckit.postgres.health.timeout=100ms")
                .run(context -> {
                    connected(context);
                    try (Connection all = context.getBean(DataSource.class).getConnection()) {
                        assertThat(all.isValid(30)).isTrue();

                        Health health = health(context);

                        assertThat(health.getStatus()).isEqualTo(Status.DOWN);
                        assertThat(problems(health).get("database")).contains("has not answered for 100 ms", "pool");
                    }
                });
    }

    @Test
    void missingTableIsDown() {
        runner.run(context -> {
            connected(context);
            database.execute("alter schema synckit rename to elsewhere");

            Health health = health(context);

            assertThat(health.getStatus()).isEqualTo(Status.DOWN);
            assertThat(problems(health).get("schema")).contains("run the migrations");
        });
    }

    /** A rolling upgrade: the old instances go on with what they know. */
    @Test
    void newerSchemaIsNamed() {
        runner.run(context -> {
            connected(context);
            database.execute("create or replace function synckit.events_schema_version() returns integer"
                    + " language sql immutable parallel safe as 'select 99'");

            Health health = health(context);

            assertThat(health.getStatus()).isEqualTo(Status.UP);
            assertThat(problems(health).get("schema-newer")).contains("the schema is version 99");
        });
    }

    @Test
    void olderSchemaIsDown() {
        runner.run(context -> {
            connected(context);
            database.execute("create or replace function synckit.events_schema_version() returns integer"
                    + " language sql immutable parallel safe as 'select 1'");

            Health health = health(context);

            assertThat(health.getStatus()).isEqualTo(Status.DOWN);
            assertThat(problems(health).get("schema")).contains("run the migrations");
        });
    }

    @Test
    void storesOfTheApplicationsOwnAreNoReasonNotToStart() {
        runner.withBean(
                        "first",
                        RealtimeEventStore.class,
                        () -> RealtimeEventStore.on(
                                database.pool(), database.physical(), io.synckit.postgres.Config.defaults()))
                .withBean(
                        "second",
                        RealtimeEventStore.class,
                        () -> RealtimeEventStore.on(
                                database.pool(), database.physical(), io.synckit.postgres.Config.defaults()))
                .run(context -> assertThat(context).hasNotFailed().doesNotHaveBean(StoreMonitor.class));
    }

    @Test
    void invalidValuesAreRejected() {
        for (String setting : new String[] {
            "max-horizon-delay=0s", "max-lag=-1s", "timeout=200000d", "max-queue-usage=NaN", "max-queue-usage=2"
        }) {
            runner.withPropertyValues("synckit.postgres.health." + setting)
                    .run(context -> assertThat(context)
                            .getFailure()
                            .rootCause()
                            .isInstanceOf(io.synckit.InvalidConfigException.class)
                            .hasMessageContaining("health." + setting.replaceAll("=.*", "")));
        }
    }

    @Test
    void undeliveredEventIsReported() {
        runner.withPropertyValues("synckit.postgres.audit.delay=1s").run(context -> {
            RealtimeEventStore store = connected(context);
            store.subscriptions().live(LiveOptions.named("test"), seen::add);
            lose(store);
            untilProblem(context, "loss");

            assertThat(health(context).getStatus()).isEqualTo(Status.UP);
            assertThat(problems(health(context)).get("loss")).contains("1 events were not delivered", "[1]");
        });
    }

    /** A program stores an event without the fence, at a settled version that the reader has passed. */
    private void lose(RealtimeEventStore store) throws Exception {
        try (CallersTransaction rolledBack = CallersTransaction.begin(database)) {
            rolledBack.store().store(Event.of("b", "T", 1));
        }
        store.store(Event.of("c", "T", 2));
        assertThat(seen.next().version()).isEqualTo(Version.of(2));
        database.execute("begin; set local synckit.maintenance = 'on';"
                + " insert into synckit.events (version, id, aggregate_id, stream_version, event_type, data)"
                + " overriding system value values (1, 'late', 'late', 1, 'T', '1'); commit");
    }

    @Test
    void withoutAListenerThereIsNothingToSayOfIt() {
        runner.withPropertyValues("synckit.postgres.listener.enabled=false").run(context -> {
            Health health = health(context);

            assertThat(health.getStatus()).isEqualTo(Status.UP);
            assertThat(health.getDetails()).containsOnlyKeys("store", "problems");
        });
    }

    @Test
    void canBeDisabled() {
        runner.withPropertyValues("management.health.synckit.enabled=false")
                .run(context -> assertThat(context).doesNotHaveBean("synckitHealthContributor"));
    }
}
