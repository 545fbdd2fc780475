package io.synckit.postgres;

import static io.synckit.postgres.testing.InThread.inThread;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.synckit.Event;
import io.synckit.EventStoreException;
import io.synckit.Filter;
import io.synckit.InvalidFilterException;
import io.synckit.InvalidVersionException;
import io.synckit.JsonText;
import io.synckit.SlowSubscriberException;
import io.synckit.StoreClosedException;
import io.synckit.StoredEvent;
import io.synckit.Version;
import io.synckit.postgres.internal.json.JacksonJson;
import io.synckit.postgres.internal.sql.EventFilter;
import io.synckit.postgres.internal.sql.EventQueries;
import io.synckit.postgres.internal.sql.TableName;
import io.synckit.postgres.testing.Await;
import io.synckit.postgres.testing.CallersTransaction;
import io.synckit.postgres.testing.Collector;
import io.synckit.postgres.testing.TestDatabase;
import io.synckit.postgres.testing.TestPostgres;
import io.synckit.subscription.LiveNotice;
import io.synckit.subscription.LiveOptions;
import io.synckit.subscription.LiveOptions.SlowSubscriber;
import io.synckit.subscription.LiveSubscription;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Flow;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Live subscriptions: delivery, order, and the effect of a slow or failing subscriber on itself and on others. */
class SubscriptionTest {

    @RegisterExtension
    private final TestDatabase database = TestPostgres.shared().migratedDatabase();

    private RealtimeEventStore store;

    @BeforeEach
    void open() {
        // Nothing here waits for a poll.
        store = RealtimeEventStore.on(
                database.pool(),
                database.physical(),
                Config.builder()
                        .notificationTimeout(Duration.ofHours(1))
                        .batchSize(10)
                        .build());
    }

    @AfterEach
    void close() {
        store.close();
    }

    private void store(int from, int to) {
        IntStream.range(from, to).forEach(i -> store.store(Event.of("a-" + i % 3, "T" + i % 2, i)));
    }

    private static List<Object> data(List<StoredEvent> events) {
        return events.stream().map(StoredEvent::data).toList();
    }

    private static List<Object> numbers(int from, int to) {
        return IntStream.range(from, to).<Object>mapToObj(i -> i).toList();
    }

    @Test
    void subscriptionsOfTheSeedReceiveTheirEvents() throws InterruptedException {
        Collector<StoredEvent> all = new Collector<>();
        Collector<StoredEvent> ofType = new Collector<>();
        Collector<StoredEvent> ofStream = new Collector<>();
        store.subscribeToAll(all::add);
        store.subscribeToEventType("U", ofType::add);
        store.subscribeToStream("b", ofStream::add);

        store.store(Event.of("a", "T", 1));
        store.store(Event.of("b", "T", 2).withId("e-2"));
        store.store(Event.of("c", "U", 3).withId("e-3"));

        assertThat(all.next(3)).extracting(StoredEvent::aggregateId).containsExactly("a", "b", "c");
        assertThat(ofType.next()).isEqualTo(store.get("e-3"));
        assertThat(ofStream.next().id()).isEqualTo("e-2");
        assertThat(store.subscriptions().active())
                .extracting(LiveSubscription::name)
                .containsExactlyInAnyOrder("all-events", "event-type", "stream");
    }

    @Test
    void fromNowIsFromNow() throws InterruptedException {
        store(0, 3);
        Collector<StoredEvent> seen = new Collector<>();
        store.subscriptions().live(LiveOptions.named("test"), seen::add);
        store(3, 5);
        Collector<StoredEvent> later = new Collector<>();
        store.subscriptions().live(LiveOptions.named("test").fromNow(), later::add);
        store(5, 6);

        assertThat(data(seen.next(3))).isEqualTo(numbers(3, 6));
        assertThat(later.next().data()).isEqualTo(5);
    }

    /** Events that were committed, but held back by an open transaction. */
    @Test
    void eventBehindAnOpenTransactionComesAfterItsRollback() throws Exception {
        Collector<StoredEvent> seen = new Collector<>();
        try (CallersTransaction open = CallersTransaction.begin(database)) {
            open.store().store(Event.of("open", "T", 0));
            database.execute(
                    "insert into synckit.events (id, aggregate_id, event_type, data) values ('x', 'b', 'T', '1')");
            // It has notified before the subscription.
            Await.until(store::isListenerConnected);
            store.subscriptions().live(LiveOptions.named("test"), seen::add);
            // The reader reads again and again, without a notification.
            Await.until(
                    database,
                    "select count(*) from pg_stat_activity where datname = current_database()"
                            + " and application_name = 'synckit listener' and query like '%synckit.stable%'"
                            + " and query_start > timestamptz '" + database.query("select clock_timestamp()") + "'",
                    "1");
            assertThat(seen.rest()).isEmpty();

            open.rollback();

            assertThat(seen.next().id()).isEqualTo("x");
        }
    }

    @Test
    void storedThenLiveEventsWithoutGapOrDuplicate() throws InterruptedException {
        store(0, 25);
        Collector<StoredEvent> seen = new Collector<>();
        store.subscriptions().live(LiveOptions.named("test").from(Version.of(4)), seen::add);
        store(25, 300);
        Collector<StoredEvent> second = new Collector<>();
        store.subscriptions()
                .live(LiveOptions.named("test").filter(Filter.types("T1")).from(Version.ZERO), second::add);
        store(300, 310);

        assertThat(data(seen.next(306))).isEqualTo(numbers(4, 310));
        assertThat(data(second.next(155)))
                .isEqualTo(
                        numbers(0, 310).stream().filter(n -> (int) n % 2 == 1).toList());
    }

    /** More than the recent events hold: 4096 events, or 16 million characters. */
    @Test
    void subscriptionBehindRecentEventsReadsTheTable() throws InterruptedException {
        Semaphore go = new Semaphore(0);
        Collector<StoredEvent> seen = new Collector<>();
        store.subscriptions().live(LiveOptions.named("test"), event -> {
            go.acquire();
            seen.add(event);
        });
        List<Event> batch =
                IntStream.range(0, 5000).mapToObj(i -> Event.of("a", "T", i)).toList();
        store.storeBatch(batch);
        for (int i = 0; i < 20; i++) {
            store.store(Event.of("large", "T", "x".repeat(1_000_000)));
        }
        Collector<StoredEvent> end = new Collector<>();
        store.subscriptions().live(LiveOptions.named("test").filter(Filter.aggregateIds("end")), end::add);
        store.store(Event.of("end", "T", 0));
        end.next();

        go.release(6000);

        assertThat(seen.next(5021))
                .extracting(event -> event.version().value())
                .containsExactlyElementsOf(
                        LongStream.rangeClosed(1, 5021).boxed().toList());
    }

    @Test
    void versionBeyondTheEndIsRejected() {
        store(0, 3);

        assertThatExceptionOfType(InvalidVersionException.class)
                .isThrownBy(() ->
                        store.subscriptions().live(LiveOptions.named("test").from(Version.of(4)), event -> {}))
                .withMessageContaining("Position 4 lies beyond the end of the log, which is version 3");
        store.subscriptions()
                .live(LiveOptions.named("test").from(Version.of(3)), event -> {})
                .close();
        assertThat(store.subscriptions().active()).isEmpty();
    }

    @Test
    void keysThatNoEventHasAreRejected() {
        assertThatExceptionOfType(InvalidFilterException.class)
                .isThrownBy(() -> LiveOptions.named("test").filter(Filter.aggregateIds("\ud800")));
        assertThatExceptionOfType(InvalidFilterException.class)
                .isThrownBy(() -> LiveOptions.named("test").filter(Filter.aggregateIds(" ")));
        assertThatExceptionOfType(InvalidFilterException.class)
                .isThrownBy(() -> LiveOptions.named("test").filter(Filter.types("\u0000")));
        assertThatExceptionOfType(IllegalArgumentException.class)
                .isThrownBy(() -> LiveOptions.named("test").buffer(0))
                .withMessageContaining("0");
    }

    @Test
    void nullHandlerIsRejected() {
        assertThatExceptionOfType(NullPointerException.class)
                .isThrownBy(() -> store.subscribeToAll(null))
                .withMessageContaining("handler");
        assertThatExceptionOfType(NullPointerException.class)
                .isThrownBy(() -> store.subscriptions().live(LiveOptions.named("test"), null))
                .withMessageContaining("handler");
        assertThatExceptionOfType(NullPointerException.class)
                .isThrownBy(() -> store.subscriptions().live(null, event -> {}))
                .withMessageContaining("options");
        assertThatExceptionOfType(NullPointerException.class)
                .isThrownBy(() -> LiveOptions.named("test").whenSlow(null))
                .withMessageContaining("policy");
        assertThat(store.subscriptions().active()).isEmpty();
    }

    /** What a store has just returned may be behind an open transaction, and is no mistake. */
    @Test
    void versionAboveTheHorizonIsAccepted() throws Exception {
        Collector<StoredEvent> seen = new Collector<>();
        try (CallersTransaction open = CallersTransaction.begin(database)) {
            open.store().store(Event.of("open", "T", 0));
            Version mine = store.store(Event.of("a", "T", 1)).version();
            store.subscriptions().live(LiveOptions.named("test").from(mine), seen::add);
            open.commit();
        }
        store.store(Event.of("a", "T", 2));

        assertThat(seen.next().data()).isEqualTo(2);
    }

    @Test
    void closedSubscriptionReceivesNoFurtherEvent() throws InterruptedException {
        Collector<StoredEvent> first = new Collector<>();
        Collector<StoredEvent> second = new Collector<>();
        LiveSubscription subscription =
                store.subscriptions().live(LiveOptions.named("test").filter(Filter.aggregateIds("a-0")), first::add);
        store.subscriptions().live(LiveOptions.named("test").filter(Filter.aggregateIds("a-0")), second::add);
        store(0, 1);
        first.next();
        second.next();

        subscription.close();
        subscription.close();
        store(3, 4);

        assertThat(second.next().data()).isEqualTo(3);
        assertThat(first.rest()).isEmpty();
        assertThat(subscription.isActive()).isFalse();
        assertThat(store.subscriptions().active()).hasSize(1);
    }

    /** At a stop the handler that runs is waited for, and no further event starts; after the next start the rest comes. */
    @Test
    void stopWaitsForTheHandlerAndStartsNoFurtherEvent() throws Exception {
        CountDownLatch release = new CountDownLatch(1);
        Collector<Object> begun = new Collector<>();
        LiveSubscription subscription = store.subscriptions().live(LiveOptions.named("test"), event -> {
            begun.add(event.data());
            release.await();
        });
        store(0, 200);
        assertThat(begun.next()).isEqualTo(0);

        CompletableFuture<Void> stopped = store.listener().stopGracefully();
        assertThat(stopped).isNotDone();
        release.countDown();
        stopped.get(60, TimeUnit.SECONDS);

        assertThat(begun.rest()).isEmpty();
        assertThat(subscription.position()).isEqualTo(Version.of(1));
        store.listener().start();
        assertThat(begun.next(199)).isEqualTo(numbers(1, 200));
    }

    /** Events that were taken when the listener stopped are handled before the end, or before the notice of dropped events. */
    @ParameterizedTest
    @EnumSource(
            value = SlowSubscriber.class,
            names = {"CANCEL", "DROP"})
    void stoppedSlowSubscriberMissesNoEventSilently(SlowSubscriber policy) throws Exception {
        CountDownLatch release = new CountDownLatch(1);
        Collector<Object> seen = new Collector<>();
        store.subscriptions()
                .live(LiveOptions.named("test").buffer(3).whenSlow(policy).onNotice(seen::add), event -> {
                    seen.add(event.data());
                    if (event.data().equals(1)) {
                        release.await();
                    }
                });
        store(0, 1);
        assertThat(seen.next()).isEqualTo(0);
        store.storeBatch(List.of(Event.of("a", "T", 1), Event.of("a", "T", 2), Event.of("a", "T", 3)));
        assertThat(seen.next()).isEqualTo(1);
        for (int i = 4; i < 12; i++) {
            store(i, i + 1);
            long read = i + 1;
            Await.until(() -> store.listener().reader().orElseThrow().position().value() >= read);
        }
        CompletableFuture<Void> stopped = store.listener().stopGracefully();
        release.countDown();
        stopped.get(60, TimeUnit.SECONDS);
        store.listener().start();

        List<Object> handled = new ArrayList<>(List.of(0, 1));
        Object item = seen.next();
        while (!(item instanceof LiveNotice.Ended || item instanceof LiveNotice.Dropped)) {
            if (item instanceof Integer) {
                handled.add(item);
            }
            item = seen.next();
        }
        assertThat(handled).containsExactly(0, 1, 2, 3);
        if (item instanceof LiveNotice.Ended ended) {
            assertThat(((SlowSubscriberException) ended.failure()).handled()).isEqualTo(Version.of(4));
        } else {
            assertThat(((LiveNotice.Dropped) item).after()).isEqualTo(Version.of(4));
        }
    }

    /** Each waits for the others, not for itself and not for those that wait as well. */
    @Test
    void handlersMayStopTheListenerAtTheSameTime() throws Exception {
        CountDownLatch both = new CountDownLatch(2);
        Collector<Object> stopped = new Collector<>();
        for (int i = 0; i < 2; i++) {
            store.subscriptions().live(LiveOptions.named("test"), event -> {
                both.countDown();
                both.await();
                store.listener().stopGracefully().join();
                stopped.add(event.data());
            });
        }
        store(0, 1);

        assertThat(stopped.next(2)).containsOnly(0);
    }

    @Test
    void closingASubscriptionWaitsForItsHandler() throws Exception {
        CountDownLatch release = new CountDownLatch(1);
        AtomicBoolean ended = new AtomicBoolean();
        Collector<Object> begun = new Collector<>();
        LiveSubscription subscription = store.subscriptions().live(LiveOptions.named("test"), event -> {
            begun.add(event.data());
            release.await();
            ended.set(true);
        });
        store(0, 1);
        begun.next();

        CompletableFuture<Boolean> closing = inThread(() -> {
            subscription.close();
            return ended.get();
        });
        Await.until(() -> !subscription.isActive());
        release.countDown();

        assertThat(closing.get(60, TimeUnit.SECONDS)).isTrue();
    }

    @Test
    void handlersMayCloseTheirSubscriptionAndTheListener() throws Exception {
        Collector<Object> seen = new Collector<>();
        AtomicReference<LiveSubscription> own = new AtomicReference<>();
        own.set(store.subscriptions().live(LiveOptions.named("test"), event -> {
            Await.until(() -> own.get() != null);
            own.get().close();
            store.close();
            seen.add(event.data());
        }));
        store(0, 2);

        assertThat(seen.next()).isEqualTo(0);
        assertThat(seen.rest()).isEmpty();
    }

    @Test
    void interruptFlagsDoNotReachTheNextEvent() throws Exception {
        Collector<Object> interrupted = new Collector<>();
        store.subscriptions().live(LiveOptions.named("test"), event -> {
            interrupted.add(Thread.currentThread().isInterrupted());
            Thread.currentThread().interrupt();
        });
        store(0, 10);

        assertThat(interrupted.next(10)).containsOnly(false);
        store(10, 20);
        assertThat(interrupted.next(10)).containsOnly(false);
    }

    /** The reader does not read without subscriptions, and a new subscription does not receive events of that time. */
    @Test
    void subscriptionAfterAPauseStartsNow() throws InterruptedException {
        store.subscriptions().live(LiveOptions.named("test"), event -> {}).close();
        store(0, 50);
        Collector<StoredEvent> seen = new Collector<>();
        store.subscriptions().live(LiveOptions.named("test"), seen::add);
        store(50, 51);

        assertThat(seen.next().data()).isEqualTo(50);
    }

    @Test
    void throwingHandlerStopsNoSubscription() throws InterruptedException {
        Collector<StoredEvent> failing = new Collector<>();
        Collector<StoredEvent> other = new Collector<>();
        store.subscriptions().live(LiveOptions.named("test"), event -> {
            failing.add(event);
            throw new IllegalStateException("on purpose");
        });
        store.subscriptions().live(LiveOptions.named("test"), other::add);
        store(0, 3);

        assertThat(data(failing.next(3))).isEqualTo(numbers(0, 3));
        assertThat(data(other.next(3))).isEqualTo(numbers(0, 3));
    }

    /** The exception cannot be printed. The rest of the batch and later events must still be delivered. */
    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void handlerMayThrowAnExceptionThatCannotBePrinted(boolean error) throws InterruptedException {
        Collector<StoredEvent> failing = new Collector<>();
        store.subscriptions().live(LiveOptions.named("test").onNotice(notice -> fail(error)), event -> {
            failing.add(event);
            fail(error);
        });
        store.storeBatch(
                IntStream.range(0, 20).mapToObj(i -> Event.of("a", "T", i)).toList());
        store(20, 22);

        assertThat(data(failing.next(22))).isEqualTo(numbers(0, 22));
    }

    private static void fail(boolean error) {
        throw new RuntimeException() {

            private static final long serialVersionUID = 1;

            @Override
            public String getMessage() {
                if (error) {
                    throw new StackOverflowError();
                }
                throw new NullPointerException();
            }
        };
    }

    @Test
    void publisherEndsByAnExceptionThatCannotBePrinted() throws InterruptedException {
        CountDownLatch called = new CountDownLatch(1);
        store.subscriptions()
                .publisher(LiveOptions.named("test").from(Version.ZERO))
                .subscribe(new Taking() {
                    @Override
                    public void onSubscribe(Flow.Subscription subscription) {
                        subscription.request(10);
                    }

                    @Override
                    public void onNext(StoredEvent event) {
                        called.countDown();
                        fail(true);
                    }
                });
        store(0, 1);

        assertThat(called.await(30, TimeUnit.SECONDS)).isTrue();
        Await.until(() -> store.subscriptions().active().isEmpty());
    }

    @ParameterizedTest
    @MethodSource("filters")
    void liveSubscriptionAcceptsTheFiltersOfReads(Filter filter) throws InterruptedException {
        Collector<StoredEvent> live = new Collector<>();
        Collector<StoredEvent> end = new Collector<>();
        store.subscriptions().live(LiveOptions.named("test").filter(filter), live::add);
        store.subscriptions().live(LiveOptions.named("end").filter(Filter.types("End")), end::add);
        for (int i = 0; i < 40; i++) {
            store.store(Event.of("a-" + i % 3, i % 2 == 0 ? "Even" : "Odd", Map.of("n", i, "list", List.of(i % 5, 7)))
                    .withMetadata("user", "u-" + i % 4));
        }
        store.store(Event.of("end", "End", 1));
        end.next();
        List<StoredEvent> expected = store.load(Version.ZERO, filter).events();

        assertThat(expected).isNotEmpty();
        assertThat(live.next(expected.size())).isEqualTo(expected);
    }

    static Stream<Filter> filters() {
        return Stream.of(
                Filter.types("Even", "Other"),
                Filter.aggregateIds("a-1", "a-2"),
                Filter.createdBetween(Instant.parse("2020-01-01T00:00:00Z"), null),
                Filter.dataContains(Map.of("list", List.of(3))),
                Filter.metadataContains(Map.of("user", "u-2")),
                Filter.matching(event -> event.version().value() % 3 == 0));
    }

    /** One publication with events of both types is not more than one buffer of it. */
    @Test
    void subscriptionToTwoTypesIsOfferedAPublicationOnce() throws InterruptedException {
        Collector<Object> seen = new Collector<>();
        store.subscriptions()
                .live(
                        LiveOptions.named("test")
                                .filter(Filter.types("A", "B"))
                                .buffer(1)
                                .whenSlow(SlowSubscriber.CANCEL)
                                .onNotice(seen::add),
                        event -> seen.add(event.data()));
        for (int i = 0; i < 20; i++) {
            store.storeBatch(List.of(Event.of("a", "A", 2 * i), Event.of("b", "B", 2 * i + 1)));
            assertThat(seen.next(2)).containsExactly(2 * i, 2 * i + 1);
        }
    }

    @Test
    void publisherReportsAFailingFilter() throws InterruptedException {
        Taking taking = new Taking();
        store.subscriptions()
                .publisher(LiveOptions.named("test").from(Version.ZERO).filter(Filter.matching(event -> {
                    throw new IllegalStateException("on purpose");
                })))
                .subscribe(taking);
        taking.subscriptions.next().request(10);
        store(0, 1);

        assertThat(taking.seen.next()).isInstanceOf(EventStoreException.class);
    }

    @Test
    void filterThatNoEventCanHaveIsRejected() {
        LiveOptions options = LiveOptions.named("test").filter(Filter.dataContains(new JsonText("\"\\u0000\"")));

        assertThatThrownBy(() -> store.subscriptions().live(options, event -> {}))
                .isInstanceOf(InvalidFilterException.class);
    }

    /** Events that a filter rejects on the thread of the handler do not use up the demand. */
    @Test
    void rejectedEventsAreNotCountedAsRequested() throws InterruptedException {
        Taking taking = new Taking();
        store.subscriptions()
                .publisher(LiveOptions.named("test")
                        .from(Version.ZERO)
                        .filter(Filter.matching(event -> event.data().equals(90))))
                .subscribe(taking);
        taking.subscriptions.next().request(1);
        store(0, 100);

        assertThat(taking.seen.next()).isEqualTo(90);
    }

    @Test
    void handlerContinuesAfterAnAssertionError() throws InterruptedException {
        Collector<StoredEvent> failing = new Collector<>();
        store.subscriptions().live(LiveOptions.named("test"), event -> {
            failing.add(event);
            throw new AssertionError("on purpose");
        });
        store(0, 3);

        assertThat(data(failing.next(3))).isEqualTo(numbers(0, 3));
    }

    /** A page ends when it holds 8 million characters, whatever its limit: one who lags may not hold a thousand megabytes. */
    @Test
    void pagesAreBoundedInSize() throws Exception {
        String megabyte = "x".repeat(1_000_000);
        for (int i = 0; i < 40; i++) {
            store.store(Event.of("large", "T", megabyte));
        }
        EventQueries queries = new EventQueries(new TableName("synckit", "events"), new JacksonJson(), true);
        try (CallersTransaction reader = CallersTransaction.begin(database)) {
            EventQueries.Page page =
                    queries.page(reader.connection(), 0, 40, EventFilter.of(new Filter[0], new JacksonJson()), 1000);
            assertThat(page.events()).hasSize(9);
            assertThat(page.upTo()).isEqualTo(9);
        }
        Collector<Version> seen = new Collector<>();
        for (int i = 0; i < 3; i++) {
            store.subscriptions()
                    .live(LiveOptions.named("test").from(Version.ZERO), event -> seen.add(event.version()));
        }

        assertThat(seen.next(120)).hasSize(120);
    }

    @Test
    void blockedHandlerDelaysOnlyItsSubscription() throws InterruptedException {
        CountDownLatch go = new CountDownLatch(1);
        Collector<StoredEvent> blocked = new Collector<>();
        Collector<StoredEvent> other = new Collector<>();
        store.subscriptions().live(LiveOptions.named("test"), event -> {
            go.await();
            blocked.add(event);
        });
        store.subscriptions().live(LiveOptions.named("test"), other::add);
        store(0, 20);

        assertThat(data(other.next(20))).isEqualTo(numbers(0, 20));
        assertThat(blocked.rest()).isEmpty();
        go.countDown();
        assertThat(data(blocked.next(20))).isEqualTo(numbers(0, 20));
    }

    private LiveSubscription slow(SlowSubscriber policy, Semaphore go, Collector<Object> seen) {
        return store.subscriptions()
                .live(LiveOptions.named("test").buffer(5).whenSlow(policy).onNotice(seen::add), event -> {
                    seen.add(event);
                    go.acquire();
                });
    }

    /** Stores events that the slow one does not take, and waits until they are published. */
    private void storeBehindTheBack(int from, int to) throws InterruptedException {
        Collector<StoredEvent> seen = new Collector<>();
        LiveSubscription other = store.subscriptions().live(LiveOptions.named("test"), seen::add);
        store(from, to);
        seen.next(to - from);
        other.close();
    }

    @ParameterizedTest
    @EnumSource(SlowSubscriber.class)
    void slowSubscriberIsTreatedByItsPolicy(SlowSubscriber policy) throws InterruptedException {
        Semaphore go = new Semaphore(0);
        Collector<Object> seen = new Collector<>();
        try (LiveSubscription subscription = slow(policy, go, seen)) {
            store(0, 1);
            seen.next();
            storeBehindTheBack(1, 6);
            assertThat(subscription.isActive()).isTrue();
            storeBehindTheBack(6, 7);
            go.release(100);

            switch (policy) {
                case WAIT ->
                    assertThat(seen.next(6))
                            .extracting(event -> ((StoredEvent) event).data())
                            .isEqualTo(numbers(1, 7));
                case DROP -> {
                    assertThat(seen.next()).isEqualTo(new LiveNotice.Dropped(Version.of(1), Version.of(6), 5));
                    store(7, 8);
                    assertThat(seen.next(2))
                            .extracting(event -> ((StoredEvent) event).data())
                            .isEqualTo(numbers(6, 8));
                    assertThat(subscription.dropped()).isEqualTo(5);
                }
                case CANCEL -> {
                    LiveNotice.Ended ended = (LiveNotice.Ended) seen.next();
                    assertThat(ended.failure())
                            .isInstanceOf(SlowSubscriberException.class)
                            .hasMessageContaining("more than 5 events waiting after version 1");
                    assertThat(subscription.isActive()).isFalse();
                }
            }
        }
    }

    /** What comes at once, in one transaction or when one before it ends, says nothing of the subscriber. */
    @ParameterizedTest
    @EnumSource(
            value = SlowSubscriber.class,
            names = {"DROP", "CANCEL"})
    void burstDoesNotMakeASubscriberSlow(SlowSubscriber policy) throws Exception {
        Collector<Object> seen = new Collector<>();
        store.subscriptions()
                .live(
                        LiveOptions.named("test").buffer(5).whenSlow(policy).onNotice(seen::add),
                        event -> seen.add(event.data()));
        store.storeBatch(
                IntStream.range(0, 1000).mapToObj(i -> Event.of("a", "T", i)).toList());
        assertThat(seen.next(1000)).isEqualTo(numbers(0, 1000));
        try (CallersTransaction open = CallersTransaction.begin(database)) {
            open.store().store(Event.of("open", "T", 1000));
            IntStream.range(1001, 1100)
                    .forEach(i -> database.execute("insert into synckit.events"
                            + " (id, aggregate_id, event_type, data) values ('x" + i + "', 'b', 'T', '" + i + "')"));
            open.commit();
        }
        assertThat(seen.next(100)).isEqualTo(numbers(1000, 1100));
    }

    @Test
    void eventsDuringAStopDoNotMakeASubscriberSlow() throws InterruptedException {
        Collector<Object> seen = new Collector<>();
        store.subscriptions()
                .live(
                        LiveOptions.named("test")
                                .buffer(5)
                                .whenSlow(SlowSubscriber.CANCEL)
                                .onNotice(seen::add),
                        event -> seen.add(event.data()));
        store(0, 1);
        seen.next();
        store.listener().stop();
        store(1, 300);
        store.listener().start();

        assertThat(seen.next(299)).isEqualTo(numbers(1, 300));
    }

    @Test
    void catchingUpIsNotSlowness() throws InterruptedException {
        store(0, 100);
        Collector<Object> seen = new Collector<>();
        store.subscriptions()
                .live(
                        LiveOptions.named("test")
                                .from(Version.ZERO)
                                .buffer(1)
                                .whenSlow(SlowSubscriber.CANCEL)
                                .onNotice(seen::add),
                        seen::add);

        assertThat(seen.next(100))
                .extracting(event -> ((StoredEvent) event).data())
                .isEqualTo(numbers(0, 100));
    }

    /** Requests events as the test says, and records every signal. */
    private static class Taking implements Flow.Subscriber<StoredEvent> {

        private final Collector<Object> seen = new Collector<>();
        private final Collector<Flow.Subscription> subscriptions = new Collector<>();

        @Override
        public void onSubscribe(Flow.Subscription subscription) {
            subscriptions.add(subscription);
        }

        @Override
        public void onNext(StoredEvent event) {
            seen.add(event.data());
        }

        @Override
        public void onError(Throwable failure) {
            seen.add(failure);
        }

        @Override
        public void onComplete() {
            seen.add("complete");
        }
    }

    @Test
    void publisherDeliversNoMoreThanRequested() throws InterruptedException {
        store(0, 20);
        Taking taking = new Taking();
        store.subscriptions()
                .publisher(LiveOptions.named("test").from(Version.ZERO))
                .subscribe(taking);
        Flow.Subscription subscription = taking.subscriptions.next();
        storeBehindTheBack(20, 30);
        assertThat(taking.seen.rest()).isEmpty();

        subscription.request(12);
        assertThat(taking.seen.next(12)).isEqualTo(numbers(0, 12));
        storeBehindTheBack(30, 31);
        assertThat(taking.seen.rest()).isEmpty();

        subscription.request(Long.MAX_VALUE);
        subscription.request(Long.MAX_VALUE);
        assertThat(taking.seen.next(19)).isEqualTo(numbers(12, 31));

        store.close();
        assertThat(taking.seen.next()).isEqualTo("complete");
    }

    /** Callers are often event loops, which must not wait for a database. */
    @Test
    void subscribingToAPublisherDoesNotUseTheCallersThread() throws InterruptedException {
        Collector<Thread> threads = new Collector<>();
        store.subscriptions().publisher(LiveOptions.named("test")).subscribe(new Taking() {
            @Override
            public void onSubscribe(Flow.Subscription subscription) {
                threads.add(Thread.currentThread());
            }
        });

        assertThat(threads.next()).isNotSameAs(Thread.currentThread());
    }

    @Test
    void eachSubscriberOfAPublisherHasItsOwn() throws InterruptedException {
        Flow.Publisher<StoredEvent> publisher =
                store.subscriptions().publisher(LiveOptions.named("test").from(Version.ZERO));
        Taking first = new Taking();
        Taking second = new Taking();
        publisher.subscribe(first);
        publisher.subscribe(second);
        store(0, 2);
        first.subscriptions.next().request(1);
        Flow.Subscription cancelled = second.subscriptions.next();
        cancelled.request(2);

        assertThat(first.seen.next()).isEqualTo(0);
        assertThat(second.seen.next(2)).isEqualTo(numbers(0, 2));

        cancelled.cancel();
        cancelled.request(1);
        storeBehindTheBack(2, 3);
        assertThat(second.seen.rest()).isEmpty();
    }

    @Test
    void publisherReportsErrorsToItsSubscriber() throws InterruptedException {
        Taking beyond = new Taking();
        store.subscriptions()
                .publisher(LiveOptions.named("test").from(Version.of(9)))
                .subscribe(beyond);
        beyond.subscriptions.next();
        assertThat(beyond.seen.next()).isInstanceOf(InvalidVersionException.class);

        Taking negative = new Taking();
        store.subscriptions().publisher(LiveOptions.named("test")).subscribe(negative);
        negative.subscriptions.next().request(0);
        assertThat(negative.seen.next()).isInstanceOf(IllegalArgumentException.class);

        Taking slow = new Taking();
        store.subscriptions()
                .publisher(
                        LiveOptions.named("test").from(Version.ZERO).buffer(1).whenSlow(SlowSubscriber.CANCEL))
                .subscribe(slow);
        Flow.Subscription subscription = slow.subscriptions.next();
        store(0, 1);
        subscription.request(1);
        assertThat(slow.seen.next()).isEqualTo(0);
        storeBehindTheBack(1, 2);
        storeBehindTheBack(2, 3);
        assertThat(slow.seen.next()).isInstanceOf(SlowSubscriberException.class);
    }

    /** A subscriber requests too little, or cancels, while onSubscribe runs. The signals still come one after the other. */
    @Test
    void signalsComeOneAfterTheOther() throws InterruptedException {
        Collector<String> signals = new Collector<>();
        store.subscriptions().publisher(LiveOptions.named("test")).subscribe(new Flow.Subscriber<>() {
            @Override
            public void onSubscribe(Flow.Subscription subscription) {
                subscription.request(-1);
                store.close();
                signals.add("subscribed");
            }

            @Override
            public void onNext(StoredEvent event) {
                signals.add("next");
            }

            @Override
            public void onError(Throwable failure) {
                signals.add(failure.getClass().getSimpleName());
            }

            @Override
            public void onComplete() {
                signals.add("complete");
            }
        });

        assertThat(signals.next()).isEqualTo("subscribed");
        assertThat(signals.rest()).hasSizeLessThanOrEqualTo(1).doesNotContain("next");
    }

    @Test
    void closingEndsEverything() {
        LiveSubscription subscription = store.subscribeToAll(payload -> {});
        store.close();
        store.close();

        assertThat(subscription.isActive()).isFalse();
        assertThatExceptionOfType(StoreClosedException.class).isThrownBy(() -> store.subscribeToAll(payload -> {}));
        assertThatExceptionOfType(StoreClosedException.class)
                .isThrownBy(() -> store.listener().start());
        assertThatExceptionOfType(StoreClosedException.class).isThrownBy(() -> store.store(Event.of("a", "T", 1)));
    }

    /** One connection listens, no thread for each, and an event costs only those who want it. */
    @Test
    void tenThousandSubscriptions() throws InterruptedException {
        Await.until(store::isListenerConnected);
        AtomicInteger told = new AtomicInteger();
        List<LiveSubscription> subscriptions = new ArrayList<>();
        Collector<StoredEvent> seen = new Collector<>();
        subscriptions.add(
                store.subscriptions().live(LiveOptions.named("test").filter(Filter.aggregateIds("wanted")), seen::add));
        int threads = Thread.activeCount();
        for (int i = 0; i < 10_000; i++) {
            subscriptions.add(store.subscriptions()
                    .live(
                            LiveOptions.named("test").filter(Filter.aggregateIds("s-" + i)),
                            event -> told.incrementAndGet()));
        }

        store.store(Event.of("wanted", "T", 1));

        assertThat(seen.next().data()).isEqualTo(1);
        assertThat(Thread.activeCount()).isLessThan(threads + 10);
        assertThat(told).hasValue(0);
        assertThat(database.query("select count(*) from pg_stat_activity where datname = current_database()"
                        + " and application_name = 'synckit listener'"))
                .isEqualTo("1");
        assertThat(store.subscriptions().active()).hasSize(10_001);
        subscriptions.forEach(LiveSubscription::close);
        assertThat(store.subscriptions().active()).isEmpty();
    }
}
