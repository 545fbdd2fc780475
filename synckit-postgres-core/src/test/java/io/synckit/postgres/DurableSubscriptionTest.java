package io.synckit.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.synckit.Event;
import io.synckit.Filter;
import io.synckit.InvalidConfigException;
import io.synckit.InvalidConnectionException;
import io.synckit.InvalidVersionException;
import io.synckit.StoreClosedException;
import io.synckit.StoredEvent;
import io.synckit.Version;
import io.synckit.postgres.testing.Await;
import io.synckit.postgres.testing.Collector;
import io.synckit.postgres.testing.SecretsAppender;
import io.synckit.postgres.testing.TestDatabase;
import io.synckit.postgres.testing.TestPostgres;
import io.synckit.subscription.DurableOptions;
import io.synckit.subscription.DurableOptions.Delivery;
import io.synckit.subscription.DurableOptions.OnExhausted;
import io.synckit.subscription.DurableOptions.Ordering;
import io.synckit.subscription.DurableSubscription;
import io.synckit.subscription.DurableSubscription.Outcome;
import io.synckit.subscription.EventContext;
import io.synckit.subscription.StartFrom;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.postgresql.ds.PGSimpleDataSource;

/** Durable subscriptions in one process: what they deliver, where they continue, and what their owner can do. */
class DurableSubscriptionTest {

    private static final Duration LONG = Duration.ofMinutes(4);

    @RegisterExtension
    private final TestDatabase database = TestPostgres.shared().migratedDatabase();

    private RealtimeEventStore store;

    @BeforeEach
    void open() {
        store = newStore();
    }

    private RealtimeEventStore newStore() {
        return RealtimeEventStore.on(
                database.pool(),
                database.physical(),
                Config.builder().batchSize(10).build());
    }

    @AfterEach
    void close() {
        store.close();
    }

    private static DurableOptions fromBeginning() {
        return DurableOptions.named("numbers").startFrom(StartFrom.beginning());
    }

    private void store(int from, int to) {
        IntStream.range(from, to).forEach(i -> store.store(Event.of("a-" + i % 3, "T" + i % 2, i)));
    }

    private static List<Object> numbers(int from, int to) {
        return IntStream.range(from, to).<Object>mapToObj(i -> i).toList();
    }

    private static List<Object> data(List<StoredEvent> events) {
        return events.stream().map(StoredEvent::data).toList();
    }

    @ParameterizedTest
    @EnumSource(Delivery.class)
    void storedAndNewEventsAreHandledInOrder(Delivery delivery) throws InterruptedException {
        store(0, 100);
        Collector<StoredEvent> handled = new Collector<>();

        DurableSubscription subscription = store.subscriptions()
                .durable(fromBeginning().delivery(delivery), (event, context) -> handled.add(event));
        assertThat(data(handled.next(100))).isEqualTo(numbers(0, 100));
        store(100, 150);

        assertThat(data(handled.next(50))).isEqualTo(numbers(100, 150));
        assertThat(subscription.await(store.latestVersion(), LONG)).isEqualTo(Outcome.HANDLED);
        assertThat(handled.rest()).isEmpty();
    }

    @ParameterizedTest
    @EnumSource(Delivery.class)
    void subscriptionContinuesAtItsCheckpointAfterRestart(Delivery delivery) throws InterruptedException {
        store(0, 20);
        Collector<StoredEvent> first = new Collector<>();
        store.subscriptions()
                .durable(fromBeginning().delivery(delivery), (event, context) -> first.add(event))
                .await(store.latestVersion(), LONG);
        store.close();
        store = newStore();
        store(20, 30);
        Collector<StoredEvent> second = new Collector<>();

        store.subscriptions()
                .durable(fromBeginning().delivery(delivery), (event, context) -> second.add(event))
                .await(store.latestVersion(), LONG);

        assertThat(data(first.rest())).isEqualTo(numbers(0, 20));
        assertThat(data(second.rest())).isEqualTo(numbers(20, 30));
    }

    @Test
    void newSubscriptionSkipsEarlierEventsByDefault() throws InterruptedException {
        store(0, 5);
        Collector<StoredEvent> handled = new Collector<>();
        store.subscriptions().durable(DurableOptions.named("now"), (event, context) -> handled.add(event));
        Version third = store.load(Version.ZERO).events().get(2).version();
        Collector<StoredEvent> after = new Collector<>();
        store.subscriptions()
                .durable(
                        DurableOptions.named("after").startFrom(StartFrom.after(third)),
                        (event, context) -> after.add(event));

        store(5, 8);

        assertThat(data(handled.next(3))).isEqualTo(numbers(5, 8));
        assertThat(data(after.next(5))).isEqualTo(numbers(3, 8));
    }

    @Test
    void exactlyOnceHandlerAndCheckpointCommitTogether() throws InterruptedException {
        database.execute("create table handled (version bigint primary key, backend integer)");
        store(0, 50);

        DurableSubscription subscription = store.subscriptions()
                .durable(fromBeginning().delivery(Delivery.EXACTLY_ONCE), (event, context) -> insert(event));

        assertThat(subscription.await(store.latestVersion(), LONG)).isEqualTo(Outcome.HANDLED);
        assertThat(database.query("select count(*) from handled")).isEqualTo("50");
        assertThat(database.query("select position from synckit.events_checkpoints"))
                .isEqualTo(database.query("select max(version) from handled"));
    }

    private void insert(StoredEvent event) throws Exception {
        try (var borrowed = store.connections().borrow();
                var statement =
                        borrowed.connection().prepareStatement("insert into handled values (?, pg_backend_pid())")) {
            assertThat(borrowed.inCallersTransaction()).isTrue();
            statement.setLong(1, event.version().value());
            statement.executeUpdate();
        }
    }

    @Test
    void handlerThatStoresEventsStoresThemInItsTransaction() throws InterruptedException {
        store(0, 20);
        DurableSubscription subscription = store.subscriptions()
                .durable(
                        fromBeginning().filter(Filter.types("T0", "T1")).delivery(Delivery.EXACTLY_ONCE),
                        (event, context) -> store.store(Event.of("copy", "Copied", event.data())));

        assertThat(subscription.await(store.latestVersion(), LONG)).isEqualTo(Outcome.HANDLED);
        assertThat(data(store.loadByAggregate("copy", Version.ZERO, 100).events()))
                .isEqualTo(numbers(0, 20));
        assertThat(store.loadByAggregate("copy", Version.ZERO).events().get(0).metadata())
                .containsEntry(
                        "causationId", store.load(Version.ZERO).events().get(0).id());
    }

    @ParameterizedTest
    @EnumSource(Delivery.class)
    void batchesHaveTheEventsInOrder(Delivery delivery) throws InterruptedException {
        store(0, 300);
        List<Integer> sizes = Collections.synchronizedList(new ArrayList<>());
        List<Object> handled = Collections.synchronizedList(new ArrayList<>());

        DurableSubscription subscription = store.subscriptions()
                .durableBatches(fromBeginning().delivery(delivery).maxBatch(7), (events, context) -> {
                    sizes.add(events.size());
                    handled.addAll(data(events));
                });

        assertThat(subscription.await(store.latestVersion(), LONG)).isEqualTo(Outcome.HANDLED);
        assertThat(handled).isEqualTo(numbers(0, 300));
        assertThat(sizes).contains(7).allMatch(size -> size <= 7);
    }

    @Test
    void filtersSelectStoredAndNewEvents() throws InterruptedException {
        Collector<StoredEvent> handled = new Collector<>();
        store(0, 30);
        DurableSubscription subscription = store.subscriptions()
                .durable(
                        fromBeginning()
                                .filter(Filter.types("T1"), Filter.matching(event -> (Integer) event.data() % 5 == 0)),
                        (event, context) -> handled.add(event));
        assertThat(data(handled.next(3))).containsExactly(5, 15, 25);
        store(30, 60);

        assertThat(subscription.await(store.latestVersion(), LONG)).isEqualTo(Outcome.HANDLED);
        assertThat(data(handled.rest())).containsExactly(35, 45, 55);
        // The position passes events that do not match, too.
        Await.until(() -> subscription.activity().get(0).lag().versions() == 0);
    }

    @ParameterizedTest
    @EnumSource(Delivery.class)
    void partitionsKeepTheOrderOfEachKey(Delivery delivery) throws InterruptedException {
        IntStream.range(0, 400).forEach(i -> store.store(Event.of("key-" + i % 20, "T", i)));
        Map<String, List<Object>> byKey = new ConcurrentHashMap<>();
        Map<String, Integer> partitionOf = new ConcurrentHashMap<>();
        Set<Integer> partitions = ConcurrentHashMap.newKeySet();

        DurableSubscription subscription = store.subscriptions()
                .durable(fromBeginning().delivery(delivery).partitions(8), (event, context) -> {
                    byKey.computeIfAbsent(event.aggregateId(), key -> Collections.synchronizedList(new ArrayList<>()))
                            .add(event.data());
                    Integer before = partitionOf.put(event.aggregateId(), context.partition());
                    assertThat(before == null || before == context.partition()).isTrue();
                    partitions.add(context.partition());
                });

        assertThat(subscription.await(store.latestVersion(), LONG)).isEqualTo(Outcome.HANDLED);
        assertThat(byKey).hasSize(20);
        byKey.forEach((key, numbers) -> assertThat(numbers)
                .isEqualTo(IntStream.range(0, 400)
                        .filter(i -> key.equals("key-" + i % 20))
                        .<Object>mapToObj(i -> i)
                        .toList()));
        assertThat(partitions.size()).isGreaterThan(3);
    }

    @Test
    void keyFunctionDecidesTheOrder() throws InterruptedException {
        Collector<EventContext> contexts = new Collector<>();
        store(0, 30);
        DurableSubscription subscription = store.subscriptions()
                .durable(
                        fromBeginning().partitions(4).keyedBy(event -> "one key"),
                        (event, context) -> contexts.add(context));

        assertThat(subscription.await(store.latestVersion(), LONG)).isEqualTo(Outcome.HANDLED);
        assertThat(new HashSet<>(contexts.rest())).hasSize(1);
    }

    @Test
    void pauseHoldsInAllProcessesUntilResume() throws InterruptedException {
        Collector<StoredEvent> handled = new Collector<>();
        DurableSubscription subscription =
                store.subscriptions().durable(fromBeginning(), (event, context) -> handled.add(event));
        store(0, 3);
        handled.next(3);

        subscription.pause();
        store(3, 6);
        assertThat(subscription.status().paused()).isTrue();
        assertThat(subscription.await(store.latestVersion(), Duration.ofMillis(300)))
                .isEqualTo(Outcome.TIMEOUT);
        assertThat(handled.rest()).isEmpty();
        subscription.resume();

        assertThat(data(handled.next(3))).isEqualTo(numbers(3, 6));
    }

    @Test
    void moveToFailsWhenPositionIsNotExpected() throws InterruptedException {
        Collector<StoredEvent> handled = new Collector<>();
        DurableSubscription subscription =
                store.subscriptions().durable(fromBeginning(), (event, context) -> handled.add(event));
        store(0, 4);
        assertThat(subscription.await(store.latestVersion(), LONG)).isEqualTo(Outcome.HANDLED);
        handled.next(4);
        Await.until(() -> subscription.status().position().equals(store.latestVersion()));
        Version second = store.load(Version.ZERO).events().get(1).version();

        assertThatExceptionOfType(InvalidVersionException.class)
                .isThrownBy(() -> subscription.moveTo(second, Version.ZERO))
                .withMessageContaining("nothing is changed");
        assertThatExceptionOfType(InvalidVersionException.class)
                .isThrownBy(() -> subscription.moveTo(store.latestVersion(), Version.of(1000)));
        subscription.moveTo(store.latestVersion(), second);

        assertThat(data(handled.next(2))).isEqualTo(numbers(2, 4));
    }

    @Test
    void replayRunsItsActionAndHandlesEventsAgain() throws InterruptedException {
        database.execute("create table handled (version bigint primary key, backend integer)");
        store(0, 10);
        Collector<EventContext> contexts = new Collector<>();
        DurableSubscription subscription = store.subscriptions()
                .durable(fromBeginning().delivery(Delivery.EXACTLY_ONCE), (event, context) -> {
                    insert(event);
                    contexts.add(context);
                });
        assertThat(subscription.await(store.latestVersion(), LONG)).isEqualTo(Outcome.HANDLED);
        assertThat(contexts.rest()).noneMatch(EventContext::replay);

        subscription.replay(Version.ZERO, this::truncate);

        assertThat(subscription.await(store.latestVersion(), LONG)).isEqualTo(Outcome.HANDLED);
        assertThat(database.query("select count(*) from handled")).isEqualTo("10");
        assertThat(contexts.rest()).hasSize(10).allMatch(EventContext::replay);
        store(10, 11);
        assertThat(contexts.next().replay()).isFalse();
    }

    private void truncate() {
        try (var borrowed = store.connections().borrow();
                var statement = borrowed.connection().createStatement()) {
            statement.execute("truncate handled");
        } catch (java.sql.SQLException e) {
            throw new IllegalStateException(e);
        }
    }

    @Test
    void failedReplayActionChangesNothing() throws InterruptedException {
        store(0, 3);
        Collector<StoredEvent> handled = new Collector<>();
        DurableSubscription subscription =
                store.subscriptions().durable(fromBeginning(), (event, context) -> handled.add(event));
        assertThat(subscription.await(store.latestVersion(), LONG)).isEqualTo(Outcome.HANDLED);

        assertThatThrownBy(() -> subscription.replay(Version.ZERO, () -> {
                    throw new IllegalStateException("on purpose");
                }))
                .hasMessage("on purpose");

        store(3, 4);
        assertThat(subscription.await(store.latestVersion(), LONG)).isEqualTo(Outcome.HANDLED);
        assertThat(data(handled.rest())).isEqualTo(numbers(0, 4));
    }

    @Test
    void closedSubscriptionHandlesNothing() throws InterruptedException {
        Collector<StoredEvent> handled = new Collector<>();
        DurableSubscription subscription =
                store.subscriptions().durable(fromBeginning(), (event, context) -> handled.add(event));
        store(0, 1);
        handled.next();

        subscription.close();
        store(1, 5);
        store.subscriptions().durable(fromBeginning(), (event, context) -> handled.add(event));

        assertThat(data(handled.next(4))).isEqualTo(numbers(1, 5));
    }

    @Test
    void invalidOptionsAreRejected() {
        store.subscriptions().durable(fromBeginning(), (event, context) -> {});

        assertThatExceptionOfType(InvalidConfigException.class)
                .isThrownBy(() -> store.subscriptions().durable(fromBeginning(), (event, context) -> {}))
                .withMessageContaining("'numbers'");
        assertThatThrownBy(() -> store.subscriptions()
                        .durable(DurableOptions.named("total").ordering(Ordering.TOTAL), (event, context) -> {}))
                .isInstanceOf(InvalidConfigException.class)
                .hasMessageContaining("'total'")
                .hasMessageContaining("SKIP or STOP");
        assertThatThrownBy(() -> store.subscriptions()
                        .durable(
                                DurableOptions.named("total")
                                        .ordering(Ordering.TOTAL)
                                        .onExhausted(OnExhausted.STOP)
                                        .partitions(2),
                                (event, context) -> {}))
                .isInstanceOf(InvalidConfigException.class)
                .hasMessageContaining("(there are 2)");
        assertThatExceptionOfType(InvalidVersionException.class)
                .isThrownBy(() -> store.subscriptions()
                        .durable(
                                DurableOptions.named("late").startFrom(StartFrom.after(Version.of(7))),
                                (event, context) -> {}));
        assertThat(database.query("select count(*) from synckit.events_subscriptions"))
                .isEqualTo("1");
    }

    @Test
    void numberOfPartitionsCannotChange() {
        store.subscriptions()
                .durable(fromBeginning().partitions(2), (event, context) -> {})
                .close();

        assertThatExceptionOfType(InvalidConfigException.class)
                .isThrownBy(() -> store.subscriptions().durable(fromBeginning().partitions(3), (event, context) -> {}))
                .withMessageContaining("have 2 partitions");
    }

    @Test
    void closedStoreAcceptsNoSubscription() {
        store.close();

        assertThatExceptionOfType(StoreClosedException.class)
                .isThrownBy(() -> store.subscriptions().durable(fromBeginning(), (event, context) -> {}));
    }

    /** The privileges of docs/schema.md. */
    @Test
    void roleNeedsTheDocumentedPrivileges() throws Exception {
        String role = "consumer_" + database.name();
        List<String> grants = Pattern.compile("(?m)^(GRANT .*?) TO shop_app;$")
                .matcher(Files.readString(Path.of("..", "docs", "schema.md")))
                .results()
                .map(grant -> grant.group(1) + " to " + role)
                .toList();
        database.execute("create role " + role + " login password '" + SecretsAppender.PASSWORD + "'");
        try {
            grants.stream().filter(grant -> !grant.contains("_checkpoints")).forEach(database::execute);
            PGSimpleDataSource limited = new PGSimpleDataSource();
            limited.setUrl(database.url());
            limited.setUser(role);
            limited.setPassword(SecretsAppender.PASSWORD);
            try (RealtimeEventStore ofRole =
                    RealtimeEventStore.on(limited, limited, Config.builder().build())) {
                assertThatExceptionOfType(InvalidConnectionException.class)
                        .isThrownBy(() -> ofRole.subscriptions().durable(fromBeginning(), (event, context) -> {}))
                        .withMessageContaining("docs/schema.md")
                        .returns(
                                InvalidConnectionException.Reason.MISSING_PRIVILEGE,
                                InvalidConnectionException::reason);
                database.execute("grant select, insert on all tables in schema synckit to " + role);
                assertThatExceptionOfType(InvalidConnectionException.class)
                        .isThrownBy(() -> ofRole.subscriptions().durable(fromBeginning(), (event, context) -> {}))
                        .withMessageContaining(
                                "GRANT SELECT, INSERT, UPDATE, DELETE ON \"synckit\".\"events_instances\"");
                grants.stream().filter(grant -> grant.contains("_checkpoints")).forEach(database::execute);
                Collector<StoredEvent> handled = new Collector<>();
                DurableSubscription subscription = ofRole.subscriptions()
                        .durable(fromBeginning().maxRetries(0), (event, context) -> {
                            handled.add(event);
                            throw new IllegalStateException("on purpose");
                        });
                Version stored = ofRole.store(Event.of("a", "T", 1)).version();

                assertThat(subscription.await(stored, LONG)).isEqualTo(Outcome.PARKED);
                assertThat(subscription.discard("a")).isTrue();
                assertThat(subscription.await(stored, LONG)).isEqualTo(Outcome.HANDLED);
            }
        } finally {
            database.execute("drop owned by " + role, "drop role " + role);
        }
    }

    @Test
    void awaitOfAKeyIgnoresOtherKeys() throws InterruptedException {
        DurableSubscription subscription = store.subscriptions()
                .durable(fromBeginning().maxRetries(0).partitions(1), (event, context) -> {
                    if (event.aggregateId().equals("bad")) {
                        throw new IllegalStateException("on purpose");
                    }
                });
        Version bad = store.store(Event.of("bad", "T", 1)).version();
        Version good = store.store(Event.of("good", "T", 2)).version();

        assertThat(subscription.await(good, "good", LONG)).isEqualTo(Outcome.HANDLED);
        assertThat(subscription.await(bad, "bad", LONG)).isEqualTo(Outcome.PARKED);
        assertThat(subscription.await(good, LONG)).isEqualTo(Outcome.PARKED);
    }

    @Test
    void statusShowsOwnerAndPositions() throws InterruptedException {
        DurableSubscription subscription =
                store.subscriptions().durable(fromBeginning().partitions(2), (event, context) -> {});
        store(0, 10);
        assertThat(subscription.await(store.latestVersion(), LONG)).isEqualTo(Outcome.HANDLED);
        Await.until(() -> subscription.status().position().equals(store.latestVersion()));

        assertThat(subscription.status().partitions())
                .hasSize(2)
                .allSatisfy(partition -> assertThat(partition.owner())
                        .contains(String.valueOf(ProcessHandle.current().pid())));
        assertThat(subscription.activity())
                .extracting(activity -> activity.counts().handled())
                .satisfies(counts -> assertThat(
                                counts.stream().mapToLong(Long::longValue).sum())
                        .isEqualTo(10));
    }
}
