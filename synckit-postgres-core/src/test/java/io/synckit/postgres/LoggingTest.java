package io.synckit.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import io.synckit.Event;
import io.synckit.EventStoreException;
import io.synckit.InvalidConnectionException;
import io.synckit.StoredEvent;
import io.synckit.Version;
import io.synckit.postgres.testing.Await;
import io.synckit.postgres.testing.Collector;
import io.synckit.postgres.testing.DurableProcess;
import io.synckit.postgres.testing.DurableProcesses;
import io.synckit.postgres.testing.SecretsAppender;
import io.synckit.postgres.testing.TcpProxy;
import io.synckit.postgres.testing.TestDatabase;
import io.synckit.postgres.testing.TestPostgres;
import io.synckit.subscription.DurableOptions;
import io.synckit.subscription.DurableOptions.OnExhausted;
import io.synckit.subscription.DurableOptions.Ordering;
import io.synckit.subscription.DurableSubscription;
import io.synckit.subscription.DurableSubscription.State;
import io.synckit.subscription.LiveOptions;
import io.synckit.subscription.LiveOptions.SlowSubscriber;
import io.synckit.subscription.StartFrom;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.postgresql.ds.PGSimpleDataSource;
import org.slf4j.LoggerFactory;

/**
 * Log messages: one line for each change, with a stable name, without data. That no secret is logged is checked after every
 * test ({@link io.synckit.postgres.testing.NoSecretsInLogs}); here is what would bring one in.
 */
class LoggingTest {

    private static final Map<String, String> SECRET = Map.of("secret", SecretsAppender.PAYLOAD);

    private final ListAppender<ILoggingEvent> lines = new ListAppender<>();
    private final Logger logger = (Logger) LoggerFactory.getLogger("io.synckit");
    private final Collector<StoredEvent> seen = new Collector<>();

    @RegisterExtension
    private final TestDatabase database = TestPostgres.shared().migratedDatabase();

    private final DurableProcesses processes = new DurableProcesses(database);

    @BeforeEach
    void open() {
        lines.list = new java.util.concurrent.CopyOnWriteArrayList<>();
        lines.start();
        logger.addAppender(lines);
    }

    @AfterEach
    void close() {
        logger.detachAppender(lines);
    }

    private List<String> names() {
        return lines.list.stream()
                .filter(line -> line.getLevel().isGreaterOrEqual(Level.INFO))
                .map(line -> line.getFormattedMessage().replaceAll(":? .*", ""))
                .toList();
    }

    @Test
    void secretsAreUsed() {
        assertThat(database.url()).contains(SecretsAppender.PASSWORD);
        long before = SecretsAppender.read();
        logger.warn("a line");
        assertThat(SecretsAppender.read()).isGreaterThan(before);
        logger.trace("with " + SecretsAppender.PAYLOAD);
        logger.debug("with", new IllegalStateException(SecretsAppender.PASSWORD));
        assertThat(SecretsAppender.found()).hasSize(2);
    }

    @Test
    void failuresDoNotTellTheData() throws Exception {
        try (RealtimeEventStore store =
                RealtimeEventStore.on(database.pool(), database.physical(), Config.defaults())) {
            CountDownLatch release = new CountDownLatch(1);
            store.subscriptions().live(LiveOptions.named("test"), event -> event.dataAs(Integer.class));
            store.subscriptions()
                    .live(
                            LiveOptions.named("test").buffer(1).whenSlow(SlowSubscriber.CANCEL),
                            event -> release.await());
            store.subscriptions().live(LiveOptions.named("test"), seen::add);
            Event event = Event.of("a", "T", SECRET).withMetadata("who", SecretsAppender.PAYLOAD);
            store.store(event);
            seen.next();
            assertThat(catchThrowable(() -> store.store(event))).isNotNull();
            assertThat(catchThrowable(() -> store.store(Event.of("a", "T", new Unwritable()))))
                    .isNotNull();
            assertThat(catchThrowable(() -> store.get(event.id()).dataAs(Integer.class)))
                    .isNotNull();
            assertThat(catchThrowable(() -> database.execute("insert into synckit.events"
                            + " (id, aggregate_id, event_type, data) values ('', 'a', 'T', '\""
                            + SecretsAppender.PAYLOAD
                            + "\"')")))
                    .isNotNull();
            for (int i = 0; i < 5; i++) {
                store.store(Event.of("a", "T", SECRET));
                seen.next();
            }
            release.countDown();
            Await.until(() -> names().contains("subscription.disturbed"));
        }
        assertThat(names()).contains("subscription.handler-failed");
        assertThat(lines.list)
                .filteredOn(line -> line.getFormattedMessage().startsWith("subscription.handler-failed"))
                .allSatisfy(line -> assertThat(line.getThrowableProxy()).isNull());
    }

    @Test
    void operationsOnADurableSubscriptionAreLogged() throws Exception {
        try (RealtimeEventStore store =
                RealtimeEventStore.on(database.pool(), database.physical(), Config.defaults())) {
            DurableSubscription subscription =
                    store.subscriptions().durable(DurableOptions.named("numbers"), (event, context) -> {});
            subscription.pause();
            subscription.resume();
            subscription.requeueAll();
            subscription.moveTo(Version.ZERO, Version.ZERO);
            subscription.replay(Version.ZERO, () -> {});
        }
        assertThat(names())
                .containsSubsequence(
                        "subscription.paused",
                        "subscription.resumed",
                        "subscription.requeued",
                        "subscription.moved",
                        "subscription.replayed");
    }

    /** The database fails when an operator has called a command in the pause after a failure. */
    @Test
    void failureOfTheDatabaseDuringACommandIsLogged() {
        AtomicBoolean fails = new AtomicBoolean();
        Thread operator = Thread.currentThread();
        DurableProcess process = processes.start();
        process.beforeBorrow(() -> {
            if (!DurableProcess.isOnCoordinatorThread() && Thread.currentThread() != operator && fails.get()) {
                throw new EventStoreException("on purpose", new SQLException("on purpose", "08006"));
            }
        });
        DurableSubscription subscription = process.subscriptions()
                .durable(
                        DurableOptions.named("numbers")
                                .startFrom(StartFrom.beginning())
                                .ordering(Ordering.TOTAL)
                                .onExhausted(OnExhausted.STOP)
                                .backoff(Duration.ofMinutes(10), 1, Duration.ofMinutes(10)),
                        (event, context) -> {
                            throw new IllegalStateException("on purpose");
                        });
        processes.store("a", 0);
        Await.until(() -> subscription.activity().get(0).state() == State.BACKING_OFF);

        fails.set(true);
        subscription.requeueAll();

        Await.until(() -> lines.list.stream()
                .anyMatch(
                        line -> line.getFormattedMessage().contains("waits after a failure that is not of an event")));
    }

    /** An object whose mapping fails with its own text. */
    private static final class Unwritable {
        @SuppressWarnings("unused")
        public String getSecret() {
            throw new IllegalStateException(SecretsAppender.PAYLOAD);
        }
    }

    @Test
    void errorOfAHandlerIsLoggedWithItsStackTrace() throws Exception {
        try (RealtimeEventStore store =
                RealtimeEventStore.on(database.pool(), database.physical(), Config.defaults())) {
            store.subscriptions().live(LiveOptions.named("test"), event -> {
                throw new IllegalStateException("a bug of the application's");
            });
            store.subscriptions().live(LiveOptions.named("test"), seen::add);
            store.store(Event.of("a", "T", 1));
            Await.until(() -> names().contains("subscription.handler-failed"));
        }
        assertThat(lines.list)
                .filteredOn(line -> line.getFormattedMessage().startsWith("subscription.handler-failed"))
                .allSatisfy(line -> assertThat(line.getThrowableProxy()).isNotNull());
    }

    @Test
    void oneLineForEachChangeOfState() throws Exception {
        try (TcpProxy proxy = new TcpProxy(database.host(), database.port())) {
            PGSimpleDataSource physical = new PGSimpleDataSource();
            physical.setUrl(database.urlAt("localhost:" + proxy.port()));
            Config config = Config.builder()
                    .notificationTimeout(Duration.ofHours(1))
                    .reconnectInterval(Duration.ofMillis(1))
                    .maxReconnectAttempts(1000)
                    .build();
            try (RealtimeEventStore store = RealtimeEventStore.on(database.pool(), physical, config)) {
                Await.until(store::isListenerConnected);
                proxy.refuse();
                proxy.cut();
                Await.until(() -> store.listener().status().attempts() >= 3);
                proxy.heal();
                Await.until(store::isListenerConnected);
            }
        }
        assertThat(names())
                .containsExactly(
                        "listener.connecting",
                        "listener.listening",
                        "listener.reconnecting",
                        "listener.listening",
                        "listener.stopped");
        assertThat(lines.list)
                .allSatisfy(line -> assertThat(line.getThrowableProxy()).isNull())
                .allSatisfy(line -> assertThat(line.getFormattedMessage()).doesNotContain("\n"));
    }

    @Test
    void failingPollIsLoggedOnceAndItsRecoveryToo() throws Exception {
        try (TcpProxy proxy = new TcpProxy(database.host(), database.port())) {
            Config config = Config.builder()
                    .connectionString(database.urlAt("localhost:" + proxy.port()))
                    .maxIdleConns(0)
                    .notificationTimeout(Duration.ofMillis(20))
                    .notifyMode(io.synckit.postgres.schema.NotifyMode.OFF)
                    .build();
            try (RealtimeEventStore store = RealtimeEventStore.open(config)) {
                store.subscriptions().live(LiveOptions.named("test"), seen::add);
                database.execute("alter schema synckit rename to elsewhere");
                Await.until(() -> store.listener().counts().failedPolls() >= 3);
                database.execute("alter schema elsewhere rename to synckit");
                Await.until(() -> names().contains("poll.works"));
            }
        }
        assertThat(names()).filteredOn("poll.failed"::equals).hasSize(1);
        assertThat(names()).filteredOn("poll.works"::equals).hasSize(1);
    }

    @Test
    void urlIsNotLogged() {
        Throwable failure = catchThrowable(() -> RealtimeEventStore.open(Config.builder()
                .connectionString("postgres://someone:" + SecretsAppender.PASSWORD + "@localhost:1/x")
                .build()));

        assertThat(failure).isInstanceOf(InvalidConnectionException.class);
        for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
            assertThat(String.valueOf(cause.getMessage())).doesNotContain(SecretsAppender.PASSWORD);
        }
    }

    @Test
    void readDataIsNotLogged() {
        try (PostgresEventStore store = PostgresEventStore.on(database.pool(), Config.defaults())) {
            store.store(Event.of("a", "T", SECRET));
            assertThat(store.load(Version.ZERO)).hasSize(1);
            logger.info("loaded {}", store.load(Version.ZERO).iterator().next());
        }
    }
}
