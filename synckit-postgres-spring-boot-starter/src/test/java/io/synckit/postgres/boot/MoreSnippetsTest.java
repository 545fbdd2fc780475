package io.synckit.postgres.boot;

import static org.assertj.core.api.Assertions.assertThat;

import io.synckit.AppendResult;
import io.synckit.Event;
import io.synckit.EventPage;
import io.synckit.EventQuery;
import io.synckit.EventStore;
import io.synckit.ExpectedStreamVersion;
import io.synckit.Filter;
import io.synckit.OnDuplicate;
import io.synckit.StoreStats;
import io.synckit.StoredEvent;
import io.synckit.Version;
import io.synckit.postgres.Config;
import io.synckit.postgres.PostgresEventStore;
import io.synckit.postgres.RealtimeEventStore;
import io.synckit.postgres.schema.SchemaMigrator;
import io.synckit.postgres.testing.TestDatabase;
import io.synckit.postgres.testing.TestPostgres;
import io.synckit.subscription.EventSubscriptions;
import io.synckit.subscription.LiveOptions;
import io.synckit.subscription.LiveSubscription;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.beans.factory.annotation.Qualifier;
import org.springframework.boot.SpringBootConfiguration;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.test.context.SpringBootTest;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Primary;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.scheduling.annotation.Scheduled;
import org.springframework.test.context.DynamicPropertyRegistry;
import org.springframework.test.context.DynamicPropertySource;
import org.springframework.transaction.annotation.Transactional;
import org.springframework.transaction.support.TransactionTemplate;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.util.RawValue;

/** Compiles and runs the Java blocks of docs/settings.md, docs/cloudevents.md, docs/concepts.md and docs/consumers.md. */
@SpringBootTest(properties = {"spring.flyway.enabled=false", "spring.data.jpa.repositories.enabled=false"})
class MoreSnippetsTest {

    private static final TestDatabase DATABASE = TestPostgres.shared().emptyDatabase();

    @DynamicPropertySource
    static void database(DynamicPropertyRegistry registry) {
        registry.add("spring.datasource.url", DATABASE::url);
    }

    @AfterAll
    static void drop() {
        DATABASE.close();
    }

    @Autowired
    private EventStore events;

    @Autowired
    private RealtimeEventStore live;

    @Autowired
    private JdbcClient jdbc;

    @Autowired
    private TransactionTemplate transactions;

    @Autowired
    @Qualifier("auditLog") private EventStore auditLog;

    @SpringBootConfiguration
    @EnableAutoConfiguration
    static class Application {

        @Bean(defaultCandidate = false)
        PostgresEventStore auditLog(DataSource dataSource) {
            new SchemaMigrator(dataSource, "synckit", "audit", SchemaMigrator.Options.DEFAULTS).migrate();
            return PostgresEventStore.on(
                    dataSource, Config.builder().tableName("audit").build());
        }

        @Bean
        @Primary
        EventStore decorated(RealtimeEventStore delegate) {
            return new AuditedEventStore(delegate);
        }
    }

    String cloudEvent(StoredEvent event) {
        JsonMapper json = JsonMapper.shared();
        return json.writeValueAsString(json.createObjectNode()
                .put("specversion", "1.0")
                .put("id", event.id())
                .put("source", "/shop")
                .put("type", event.type())
                .put("subject", event.aggregateId())
                .put("time", event.createdAt().toString())
                .put("datacontenttype", "application/json")
                .put("sequence", String.format("%015d", event.version().value()))
                .putRawValue("data", new RawValue(event.dataJson())));
    }

    @Bean
    LiveSubscription wakeProjection(EventSubscriptions subscriptions, Projection projection) {
        return subscriptions.live(
                LiveOptions.named("projection").filter(Filter.types("OrderPlaced")), event -> projection.project());
    }

    @Scheduled(fixedDelay = 1000)
    @Transactional
    public void project() {
        String checkpoint = jdbc.sql("select position from checkpoint for update")
                .query(String.class)
                .single();
        EventPage page = events.load(events.parseVersion(checkpoint), Filter.types("OrderPlaced"));
        for (StoredEvent event : page) {
            jdbc.sql("update report set sold = sold + ?")
                    .param(event.dataAs(OrderPlaced.class).quantity())
                    .update();
        }
        jdbc.sql("update checkpoint set position = ?")
                .param(page.next().toString())
                .update();
    }

    record OrderPlaced(int quantity) {}

    /** Returns the number of sold items, or empty if the report does not contain the event of this version yet. */
    Optional<Integer> sold(Version stored) {
        String checkpoint =
                jdbc.sql("select position from checkpoint").query(String.class).single();
        if (Version.parse(checkpoint).compareTo(stored) < 0) {
            return Optional.empty();
        }
        return Optional.of(
                jdbc.sql("select sold from report").query(Integer.class).single());
    }

    @Test
    void reportIsReadOnlyWhenItContainsTheEvent() {
        jdbc.sql("create table checkpoint (position text not null)").update();
        jdbc.sql("create table report (sold integer not null)").update();
        jdbc.sql("insert into checkpoint values ('4')").update();
        jdbc.sql("insert into report values (7)").update();

        assertThat(sold(Version.of(4))).hasValue(7);
        assertThat(sold(Version.of(5))).isEmpty();
        Version since = events.latestVersion();
        jdbc.sql("update checkpoint set position = ?").param(since.toString()).update();
        Version stored =
                events.store(Event.of("o", "OrderPlaced", new OrderPlaced(2))).version();
        transactions.executeWithoutResult(status -> project());
        transactions.executeWithoutResult(status -> project());
        assertThat(sold(stored)).hasValue(9);
    }

    interface Projection {
        void project();
    }

    /** Completes with the version of the reading. */
    CompletableFuture<Version> record(String sensor, double celsius) {
        Event reading = Event.of(sensor, "TemperatureMeasured", Map.of("celsius", celsius));
        return events.storeAsync(reading).thenApply(AppendResult::version);
    }

    @Test
    void readingIsStored() {
        Version version = record("sensor-1", 21.5).join();

        assertThat(events.loadByAggregate("sensor-1", Version.ZERO))
                .extracting(StoredEvent::version)
                .containsExactly(version);
    }

    @Test
    void liveSubscriptionWakesTheProjection() throws InterruptedException {
        Semaphore woken = new Semaphore(0);
        try (LiveSubscription subscription = wakeProjection(live.subscriptions(), woken::release)) {
            live.store(Event.of("c", "OrderPlaced", 1));

            assertThat(woken.tryAcquire(30, TimeUnit.SECONDS)).isTrue();
            assertThat(subscription.isActive()).isTrue();
        }
    }

    @Test
    void secondStoreAndDecoratorWork() {
        events.store(Event.of("a", "T", 1));
        auditLog.store(Event.of("a", "T", 2));

        assertThat(((AuditedEventStore) events).stored).hasValue(1);
        assertThat(events.loadByAggregate("a", Version.ZERO))
                .extracting(StoredEvent::data)
                .containsExactly(1);
        assertThat(auditLog.loadByAggregate("a", Version.ZERO))
                .extracting(StoredEvent::data)
                .containsExactly(2);
    }

    @Test
    void eventIsWrittenAsCloudEvent() {
        auditLog.store(Event.of("b", "Paid", List.of(1.50)).withId("e1"));

        assertThat(cloudEvent(auditLog.get("e1")))
                .contains("\"id\":\"e1\"", "\"subject\":\"b\"", "\"type\":\"Paid\"", "\"data\":[1.5]");
    }

    @ParameterizedTest
    @ValueSource(strings = {"settings.md", "cloudevents.md", "concepts.md", "consumers.md"})
    void everyBlockStandsInThisFile(String page) throws IOException {
        String here =
                squeezed(Files.readString(Path.of("src/test/java/io/synckit/postgres/boot/MoreSnippetsTest.java")));
        List<String> snippets = Pattern.compile("(?s)```java\n(.*?)```")
                .matcher(Files.readString(Path.of("..", "docs", page)))
                .results()
                .map(block -> block.group(1))
                .toList();

        assertThat(snippets).isNotEmpty().allSatisfy(block -> assertThat(here).contains(squeezed(block)));
    }

    private static String squeezed(String text) {
        return text.replaceAll("\\s+", "");
    }

    /** Counts what goes through it. */
    private record AuditedEventStore(EventStore delegate, AtomicInteger stored) implements EventStore {

        AuditedEventStore(EventStore delegate) {
            this(delegate, new AtomicInteger());
        }

        @Override
        public AppendResult store(Event event, OnDuplicate onDuplicate) {
            stored.incrementAndGet();
            return delegate.store(event, onDuplicate);
        }

        @Override
        public List<AppendResult> storeBatch(List<Event> events, OnDuplicate onDuplicate) {
            return delegate.storeBatch(events, onDuplicate);
        }

        @Override
        public List<AppendResult> append(
                String aggregateId, ExpectedStreamVersion expected, List<Event> events, OnDuplicate onDuplicate) {
            return delegate.append(aggregateId, expected, events, onDuplicate);
        }

        @Override
        public CompletableFuture<AppendResult> storeAsync(Event event, OnDuplicate onDuplicate) {
            return delegate.storeAsync(event, onDuplicate);
        }

        @Override
        public CompletableFuture<List<AppendResult>> appendAsync(
                String aggregateId, ExpectedStreamVersion expected, List<Event> events, OnDuplicate onDuplicate) {
            return delegate.appendAsync(aggregateId, expected, events, onDuplicate);
        }

        @Override
        public EventPage load(Version since, Filter... filters) {
            return delegate.load(since, filters);
        }

        @Override
        public EventPage load(Version since, int limit, Filter... filters) {
            return delegate.load(since, limit, filters);
        }

        @Override
        public EventPage query(EventQuery query) {
            return delegate.query(query);
        }

        @Override
        public Stream<StoredEvent> stream(Version since, Filter... filters) {
            return delegate.stream(since, filters);
        }

        @Override
        public EventPage loadByAggregate(String aggregateId, Version since, Filter... filters) {
            return delegate.loadByAggregate(aggregateId, since, filters);
        }

        @Override
        public EventPage loadByAggregate(String aggregateId, Version since, int limit, Filter... filters) {
            return delegate.loadByAggregate(aggregateId, since, limit, filters);
        }

        @Override
        public Stream<StoredEvent> streamByAggregate(String aggregateId, Version since, Filter... filters) {
            return delegate.streamByAggregate(aggregateId, since, filters);
        }

        @Override
        public Optional<StoredEvent> find(String id) {
            return delegate.find(id);
        }

        @Override
        public Version latestVersion() {
            return delegate.latestVersion();
        }

        @Override
        public StoreStats stats() {
            return delegate.stats();
        }

        @Override
        public void close() {
            delegate.close();
        }
    }
}
