package io.synckit.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.synckit.Causation;
import io.synckit.ConnectionSource;
import io.synckit.DuplicateEventException;
import io.synckit.Event;
import io.synckit.Filter;
import io.synckit.Instrumentation;
import io.synckit.StoredEvent;
import io.synckit.Version;
import io.synckit.postgres.internal.json.JacksonJson;
import io.synckit.postgres.notification.NotificationListener;
import io.synckit.postgres.testing.Await;
import io.synckit.postgres.testing.Collector;
import io.synckit.postgres.testing.TestDatabase;
import io.synckit.postgres.testing.TestPostgres;
import io.synckit.subscription.LiveOptions;
import io.synckit.subscription.LiveSubscription;
import io.synckit.subscription.LiveSubscription.Lag;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.function.Supplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** What goes around operations and handlers, what it adds to events, and how far subscriptions are behind. */
class InstrumentationTest {

    private final List<String> heard = new CopyOnWriteArrayList<>();
    private volatile boolean failing;

    @RegisterExtension
    private final TestDatabase database = TestPostgres.shared().migratedDatabase();

    private RealtimeEventStore store;
    private final Collector<StoredEvent> seen = new Collector<>();

    private final class Named implements Instrumentation {

        private final String name;

        Named(String name) {
            this.name = name;
        }

        @Override
        public <R> R operation(Operation operation, Supplier<R> call) {
            operation.addMetadata("by", name);
            heard.add(name + " begins " + operation.name() + " " + operation.table() + " " + operation.isAppend());
            try {
                return call.get();
            } finally {
                heard.add(name + " ends " + operation.name() + " " + operation.events());
            }
        }

        @Override
        public void handling(Handling handling, HandlerCall call) throws Exception {
            if (failing) {
                throw new IllegalStateException("an instrumentation");
            }
            heard.add(name + " handles " + handling.kind() + " "
                    + handling.event().version() + " " + handling.replay());
            call.run();
        }
    }

    @BeforeEach
    void open() {
        Config config =
                Config.builder().notificationTimeout(Duration.ofHours(1)).build();
        ConnectionSource connections = ConnectionSource.of(database.pool());
        Instrumentation both = Instrumentation.of(List.of(new Named("outer"), new Named("inner")));
        NotificationListener listener = RealtimeEventStore.listener(
                        database.physical(), connections, new JacksonJson(), config)
                .instrumentation(both)
                .build();
        listener.start();
        store = new RealtimeEventStore(
                new PostgresEventStore(database.pool(), connections, new JacksonJson(), config, both),
                listener,
                connections);
    }

    @AfterEach
    void close() {
        store.close();
    }

    @Test
    void operationsAreNestedAndCounted() {
        Event event = Event.of("a", "T", 1);
        store.storeBatch(List.of(event, Event.of("a", "T", 2)));
        store.load(Version.ZERO, 1);
        assertThatThrownBy(() -> store.store(event)).isInstanceOf(DuplicateEventException.class);

        assertThat(heard)
                .containsExactly(
                        "outer begins storeBatch synckit.events true",
                        "inner begins storeBatch synckit.events true",
                        "inner ends storeBatch 2",
                        "outer ends storeBatch 2",
                        "outer begins load synckit.events false",
                        "inner begins load synckit.events false",
                        "inner ends load 1",
                        "outer ends load 1",
                        "outer begins store synckit.events true",
                        "inner begins store synckit.events true",
                        "inner ends store 0",
                        "outer ends store 0");
    }

    @Test
    void metadataOfTheCallerIsKept() {
        Event event = Event.of("a", "T", 1);
        store.store(event);
        store.store(event.withId("2").withMetadata("by", "me").withMetadata("x", null));

        assertThat(store.get(event.id()).metadata()).isEqualTo(Map.of("by", "inner"));
        assertThat(store.get("2").metadata()).containsEntry("by", "me").containsKey("x");
    }

    @Test
    void storedEventsAreMarkedAsReplay() throws Exception {
        store.store(Event.of("a", "T", 1));
        heard.clear();
        store.subscriptions().live(LiveOptions.named("test").from(Version.ZERO), seen::add);
        seen.next();
        store.store(Event.of("a", "T", 2));
        seen.next();

        assertThat(heard)
                .contains("outer handles live 1 true", "inner handles live 1 true", "outer handles live 2 false")
                .doesNotContain("outer handles live 2 true");
    }

    @Test
    void eventsStoredByAHandlerCarryTheirCause() throws Exception {
        store.subscriptions().live(LiveOptions.named("test").filter(Filter.types("Placed")), placed -> {
            store.store(Event.of("b", "Paid", 2).withId("paid"));
        });
        store.subscriptions().live(LiveOptions.named("test").filter(Filter.types("Paid")), paid -> {
            store.store(Event.of("c", "Shipped", 3).withId("shipped"));
            store.store(Event.of("c", "Shipped", 3).withId("marked").withMetadata(Causation.CORRELATION_ID, "mine"));
        });
        store.subscriptions().live(LiveOptions.named("test").filter(Filter.types("Shipped")), seen::add);
        store.store(Event.of("a", "Placed", 1).withId("placed"));
        seen.next(2);

        assertThat(store.get("placed").metadata()).doesNotContainKeys("causationId", "correlationId");
        assertThat(store.get("paid").metadata())
                .containsEntry("causationId", "placed")
                .containsEntry("correlationId", "placed");
        assertThat(store.get("shipped").metadata())
                .containsEntry("causationId", "paid")
                .containsEntry("correlationId", "placed");
        assertThat(store.get("marked").metadata())
                .containsEntry("causationId", "paid")
                .containsEntry("correlationId", "mine");
        assertThat(Causation.current()).isEmpty();
    }

    /** Nor does one that fails keep an event from its handler, or one that is never called. */
    @Test
    void failingInstrumentationKeepsBackNoEvent() throws Exception {
        failing = true;
        store.subscriptions().live(LiveOptions.named("test"), seen::add);
        store.store(Event.of("a", "T", 1));
        assertThat(seen.next().data()).isEqualTo(1);
        store.store(Event.of("a", "T", 2));
        assertThat(seen.next().data()).isEqualTo(2);
        assertThat(seen.rest()).isEmpty();
    }

    /** What is of no interest to it is behind it. */
    @Test
    void lagOfASelectiveSubscriptionCountsItsEvents() throws Exception {
        CountDownLatch release = new CountDownLatch(1);
        LiveSubscription rare = store.subscriptions()
                .live(LiveOptions.named("test").filter(Filter.types("Rare")), event -> {
                    release.await();
                    seen.add(event);
                });
        store.storeBatch(java.util.stream.IntStream.range(0, 100)
                .mapToObj(i -> Event.of("a", "Common", i))
                .toList());
        Await.until(() -> store.listener().reader().orElseThrow().position().equals(Version.of(100)));
        store.store(Event.of("a", "Rare", 1));
        Await.until(() -> rare.lag().versions() > 0);

        assertThat(rare.position()).isEqualTo(Version.of(100));
        assertThat(rare.lag().versions()).isEqualTo(1);

        release.countDown();
        seen.next();
    }

    @Test
    void infiniteTimestampEndsNoSubscription() throws Exception {
        store.subscriptions().live(LiveOptions.named("test"), seen::add);
        database.execute("insert into synckit.events (id, aggregate_id, event_type, data, created_at)"
                + " values ('end', 'a', 'T', '1', 'infinity')");
        store.store(Event.of("a", "T", 2));

        assertThat(seen.next(2)).extracting(StoredEvent::streamVersion).containsExactly(1L, 2L);
    }

    @Test
    void invalidCorrelationIdIsNotPropagated() throws Exception {
        store.subscriptions()
                .live(
                        LiveOptions.named("test").filter(Filter.types("First")),
                        event -> store.store(Event.of("b", "Second", 1)));
        store.subscriptions().live(LiveOptions.named("test").filter(Filter.types("Second")), seen::add);
        for (Object correlation : List.of(17, "x".repeat(1000), List.of())) {
            Event first = Event.of("a", "First", 1).withMetadata(Causation.CORRELATION_ID, correlation);
            store.store(first);
            assertThat(seen.next().metadata()).containsEntry(Causation.CORRELATION_ID, first.id());
        }
    }

    @Test
    void laggingSubscriptionHasItsLag() throws Exception {
        CountDownLatch release = new CountDownLatch(1);
        LiveSubscription slow = store.subscriptions().live(LiveOptions.named("test"), event -> {
            release.await();
            seen.add(event);
        });
        LiveSubscription quick =
                store.subscriptions().live(LiveOptions.named("test").filter(Filter.types("other")), event -> {});
        assertThat(slow.lag()).isEqualTo(Lag.NONE);
        store.store(Event.of("a", "T", 1));
        store.store(Event.of("a", "T", 2));

        Await.until(() -> slow.lag().versions() == 2 && slow.lag().time().compareTo(Duration.ofMillis(50)) > 0);
        assertThat(quick.lag()).isEqualTo(Lag.NONE);
        assertThat(store.listener().lag().versions()).isEqualTo(2);

        release.countDown();
        seen.next(2);
        Await.until(() -> store.listener().lag().equals(Lag.NONE));
    }

    @Test
    void readerAndCountersAreReported() throws Exception {
        assertThat(store.listener().reader()).isEmpty();
        Await.until(store::isListenerConnected);
        store.subscriptions().live(LiveOptions.named("test"), seen::add);
        store.store(Event.of("a", "T", 1));
        seen.next();

        Await.until(() -> store.listener().reader().orElseThrow().position().equals(Version.of(1)));
        assertThat(store.listener().reader().orElseThrow().readAt()).isNotNull();
        Await.until(() -> store.listener().counts().notifications() >= 1);
        Integer pid = store.listener().status().backendPid();
        database.execute("select pg_terminate_backend(" + pid + ")");
        Await.until(() -> store.listener().counts().reconnects() == 1);
        assertThat(store.listener().counts().failedPolls()).isZero();
    }
}
