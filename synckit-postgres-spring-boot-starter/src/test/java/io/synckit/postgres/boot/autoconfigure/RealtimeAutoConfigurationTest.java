package io.synckit.postgres.boot.autoconfigure;

import static org.assertj.core.api.Assertions.assertThat;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import io.synckit.Event;
import io.synckit.EventStore;
import io.synckit.InvalidConfigException;
import io.synckit.SchemaException;
import io.synckit.StoredEvent;
import io.synckit.postgres.PostgresEventStore;
import io.synckit.postgres.RealtimeEventStore;
import io.synckit.postgres.notification.NotificationListener;
import io.synckit.postgres.testing.Await;
import io.synckit.postgres.testing.CallersTransaction;
import io.synckit.postgres.testing.Collector;
import io.synckit.postgres.testing.TestDatabase;
import io.synckit.postgres.testing.TestPostgres;
import io.synckit.subscription.ListenerStatus.State;
import io.synckit.subscription.LiveOptions;
import java.util.concurrent.atomic.AtomicReference;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledForJreRange;
import org.junit.jupiter.api.condition.JRE;
import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.jdbc.autoconfigure.DataSourceAutoConfiguration;
import org.springframework.boot.jdbc.autoconfigure.DataSourceTransactionManagerAutoConfiguration;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import org.springframework.context.SmartLifecycle;
import org.springframework.jdbc.datasource.AbstractDataSource;
import org.springframework.transaction.PlatformTransactionManager;
import org.springframework.transaction.support.TransactionTemplate;

/** Live subscriptions in an application. */
class RealtimeAutoConfigurationTest {

    private static final String LISTENING = "select count(*) from pg_stat_activity where datname = current_database()"
            + " and application_name = 'synckit listener'";

    private TestDatabase database;
    private ApplicationContextRunner runner;
    private final Collector<StoredEvent> seen = new Collector<>();

    @BeforeEach
    void open() {
        database = TestPostgres.shared().emptyDatabase();
        runner = new ApplicationContextRunner()
                .withConfiguration(AutoConfigurations.of(
                        DataSourceAutoConfiguration.class,
                        DataSourceTransactionManagerAutoConfiguration.class,
                        SynckitPostgresDataSourceAutoConfiguration.class,
                        SynckitPostgresAutoConfiguration.class))
                .withPropertyValues(
                        "spring.datasource.url=" + database.url(), "synckit.postgres.notification-timeout=1h");
    }

    @AfterEach
    void close() {
        database.close();
    }

    @Test
    void eventsAreDeliveredUntilTheApplicationStops() {
        AtomicReference<NotificationListener> listener = new AtomicReference<>();
        runner.run(context -> {
            RealtimeEventStore store = context.getBean(RealtimeEventStore.class);
            listener.set(store.listener());
            assertThat(context.getBean(EventStore.class)).isSameAs(store);
            Await.until(store::isListenerConnected);
            assertThat(database.query(LISTENING)).isEqualTo("1");
            store.subscriptions().live(LiveOptions.named("test"), seen::add);

            store.store(Event.of("a", "T", 1));

            assertThat(seen.next().data()).isEqualTo(1);
        });
        assertThat(listener.get().status().state()).isEqualTo(State.STOPPED);
        Await.until(database, LISTENING, "0");
    }

    @Test
    void listenerRunsUntilTheWebServerHasAnswered() {
        runner.run(context -> {
            SynckitListenerLifecycle lifecycle = context.getBean(SynckitListenerLifecycle.class);
            assertThat(lifecycle.isRunning()).isTrue();
            // WebServerApplicationContext.GRACEFUL_SHUTDOWN_PHASE and START_STOP_LIFECYCLE_PHASE
            assertThat(lifecycle.getPhase()).isLessThan(SmartLifecycle.DEFAULT_PHASE - 2048);
        });
    }

    @Test
    void withoutAListenerThereAreNoSubscriptions() {
        runner.withPropertyValues("synckit.postgres.listener.enabled=false").run(context -> {
            assertThat(context).hasSingleBean(PostgresEventStore.class).doesNotHaveBean(RealtimeEventStore.class);
            assertThat(context).doesNotHaveBean(SynckitListenerLifecycle.class);
            assertThat(database.query(LISTENING)).isEqualTo("0");
        });
    }

    @Test
    void urlOfTheListenerIsUsed() {
        runner.withPropertyValues("synckit.postgres.listener.url=" + database.url("options=-c%20work_mem=1234kB"))
                .run(context -> {
                    Await.until(context.getBean(RealtimeEventStore.class)::isListenerConnected);
                    Integer pid = context.getBean(RealtimeEventStore.class)
                            .listener()
                            .status()
                            .backendPid();
                    assertThat(database.query("select application_name from pg_stat_activity where pid = " + pid))
                            .isEqualTo("synckit listener");
                });
    }

    @Test
    void userOfTheListenerIsUsed() {
        String role = "listener_" + database.name();
        database.execute("create role " + role + " login password 'secret'");
        try {
            runner.withPropertyValues(
                            "synckit.postgres.listener.username=" + role, "synckit.postgres.listener.password=secret")
                    .run(context -> {
                        NotificationListener listener =
                                context.getBean(RealtimeEventStore.class).listener();
                        // The role may connect, but has no privilege on the table. The problem is named, and polling
                        // continues.
                        Await.until(() -> listener.status().failure() != null);
                        assertThat(listener.status().failure()).hasMessageContaining("42501");
                        RealtimeEventStore store = context.getBean(RealtimeEventStore.class);
                        store.subscriptions().live(LiveOptions.named("test"), seen::add);
                        store.store(Event.of("a", "T", 1));
                        assertThat(seen.next().data()).isEqualTo(1);
                    });
        } finally {
            database.execute("drop role " + role);
        }
    }

    @Test
    void passwordWithoutUserIsRejected() {
        runner.withPropertyValues("synckit.postgres.listener.password=secret")
                .run(context -> assertThat(context)
                        .getFailure()
                        .rootCause()
                        .isInstanceOf(InvalidConfigException.class)
                        .hasMessageContaining("listener.password")
                        .hasMessageContaining("listener.username"));
    }

    @Test
    void invalidUrlFailsTheStartWithoutItsPassword() {
        runner.withPropertyValues("synckit.postgres.listener.url=jdbc:postgresql://host:port/d?password=geheim")
                .run(context -> assertThat(context)
                        .getFailure()
                        .rootCause()
                        .isInstanceOf(InvalidConfigException.class)
                        .hasMessageContaining("listener.url")
                        .hasMessageNotContaining("geheim"));
    }

    /** HikariCP's dataSourceClassName has no URL; the class is instantiated again. */
    @Test
    void listenerUsesDataSourceByClassName() {
        runner.withBean(DataSource.class, () -> {
                    HikariConfig config = new HikariConfig();
                    config.setDataSourceClassName("org.postgresql.ds.PGSimpleDataSource");
                    config.addDataSourceProperty("url", database.url());
                    return new HikariDataSource(config);
                })
                .run(context -> Await.until(() -> context.getBean(RealtimeEventStore.class)
                                .listener()
                                .status()
                                .state()
                        == State.LISTENING));
    }

    /** A DataSource that hides its URL provides no permanent connection. */
    @Test
    void dataSourceWithoutKnownUrlIsPolled() {
        runner.withBean(DataSource.class, () -> new Silent(database))
                .withPropertyValues("synckit.postgres.notification-timeout=100ms")
                .run(context -> {
                    RealtimeEventStore store = context.getBean(RealtimeEventStore.class);
                    Await.until(() -> store.listener().status().state() == State.POLLING);
                    store.subscriptions().live(LiveOptions.named("test"), seen::add);
                    database.execute(
                            "insert into synckit.events (id, aggregate_id, event_type, data) values ('x', 'a', 'T', '1')");
                    assertThat(seen.next().id()).isEqualTo("x");
                });
    }

    private static final class Silent extends AbstractDataSource {

        private final TestDatabase database;

        Silent(TestDatabase database) {
            this.database = database;
        }

        @Override
        public java.sql.Connection getConnection() throws java.sql.SQLException {
            return database.connect();
        }

        @Override
        public java.sql.Connection getConnection(String username, String password) throws java.sql.SQLException {
            return database.connect();
        }
    }

    @Test
    @EnabledForJreRange(min = JRE.JAVA_21)
    void handlersRunOnVirtualThreadsWhereTheApplicationDoes() {
        Collector<String> threads = new Collector<>();
        runner.withPropertyValues("spring.threads.virtual.enabled=true").run(context -> {
            RealtimeEventStore store = context.getBean(RealtimeEventStore.class);
            store.subscriptions()
                    .live(
                            LiveOptions.named("test"),
                            event -> threads.add(Thread.currentThread().toString()));
            store.store(Event.of("a", "T", 1));
            assertThat(threads.next()).startsWith("VirtualThread");
        });
    }

    @Test
    void notifyModeIsThatOfTheTable() {
        runner.withPropertyValues("synckit.postgres.notify.mode=each-event").run(context -> {
            RealtimeEventStore store = context.getBean(RealtimeEventStore.class);
            Await.until(store::isListenerConnected);
            assertThat(database.query("select count(*) from pg_trigger where tgname = 'events_each_event'"))
                    .isEqualTo("1");
        });
        // Without the setting the mode stays unchanged.
        runner.run(context -> assertThat(
                        database.query("select count(*) from pg_trigger where tgname = 'events_each_event'"))
                .isEqualTo("1"));
        runner.withPropertyValues("synckit.postgres.migration.mode=validate", "synckit.postgres.notify.mode=coalesced")
                .run(context -> assertThat(context)
                        .getFailure()
                        .rootCause()
                        .isInstanceOf(SchemaException.class)
                        .hasMessageContaining("EACH_EVENT")
                        .hasMessageContaining("synckit.postgres.notify.mode"));
        runner.withPropertyValues("synckit.postgres.notify.mode=off").run(context -> {
            RealtimeEventStore store = context.getBean(RealtimeEventStore.class);
            Await.until(() -> store.listener().status().state() == State.POLLING);
            assertThat(database.query("select count(*) from pg_trigger where tgname = 'events_each_event'"))
                    .isEqualTo("0");
        });
    }

    /** The transaction with the doorbell lock fails. The application, whose transaction has committed, notifies. */
    @Test
    void transactionOfTheApplicationNotifiesIfNeeded() {
        runner.run(context -> {
            RealtimeEventStore store = context.getBean(RealtimeEventStore.class);
            store.subscriptions().live(LiveOptions.named("test"), seen::add);
            Await.until(store::isListenerConnected);
            TransactionTemplate transaction =
                    new TransactionTemplate(context.getBean(PlatformTransactionManager.class));
            try (CallersTransaction ringer = CallersTransaction.begin(database)) {
                ringer.store().store(Event.of("b", "T", 0));
                ringer.execute("select synckit.events_take_doorbell()");
                transaction.executeWithoutResult(status -> {
                    store.store(Event.of("a", "T", 1));
                    store.store(Event.of("a", "T", 2));
                });
                ringer.rollback();

                assertThat(seen.next(2)).extracting(StoredEvent::data).containsExactly(1, 2);
                Await.until(() -> store.listener().status().lastNotification() != null);
            }
        });
    }
}
