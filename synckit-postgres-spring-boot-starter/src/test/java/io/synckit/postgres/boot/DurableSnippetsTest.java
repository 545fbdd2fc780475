package io.synckit.postgres.boot;

import static io.synckit.postgres.boot.SynckitListener.Start.BEGINNING;
import static org.assertj.core.api.Assertions.assertThat;

import io.synckit.Event;
import io.synckit.EventStore;
import io.synckit.EventType;
import io.synckit.EventUpcaster;
import io.synckit.StoredEvent;
import io.synckit.Version;
import io.synckit.postgres.testing.Await;
import io.synckit.postgres.testing.Collector;
import io.synckit.postgres.testing.TestDatabase;
import io.synckit.postgres.testing.TestPostgres;
import io.synckit.subscription.DurableOptions;
import io.synckit.subscription.DurableStatus;
import io.synckit.subscription.DurableSubscription;
import io.synckit.subscription.DurableSubscription.Outcome;
import io.synckit.subscription.EventSubscriptions;
import io.synckit.subscription.ParkedKey;
import io.synckit.subscription.StartFrom;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.SpringBootConfiguration;
import org.springframework.boot.actuate.endpoint.annotation.DeleteOperation;
import org.springframework.boot.actuate.endpoint.annotation.Endpoint;
import org.springframework.boot.actuate.endpoint.annotation.ReadOperation;
import org.springframework.boot.actuate.endpoint.annotation.Selector;
import org.springframework.boot.actuate.endpoint.annotation.WriteOperation;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.test.context.SpringBootTest;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Import;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.stereotype.Component;
import org.springframework.test.context.DynamicPropertyRegistry;
import org.springframework.test.context.DynamicPropertySource;
import org.springframework.transaction.annotation.Transactional;

/** Compiles and runs the Java blocks of docs/durable.md. */
@SpringBootTest(properties = {"spring.flyway.enabled=false", "spring.data.jpa.repositories.enabled=false"})
class DurableSnippetsTest {

    private static final TestDatabase DATABASE = TestPostgres.shared().emptyDatabase();

    @DynamicPropertySource
    static void database(DynamicPropertyRegistry registry) {
        DATABASE.execute("create table if not exists sales (item text primary key, sold integer)");
        registry.add("spring.datasource.url", DATABASE::url);
    }

    @AfterAll
    static void drop() {
        DATABASE.close();
    }

    interface Mails {
        void send(String to, String text, String idempotencyKey);
    }

    interface Broker {
        void send(List<StoredEvent> events);
    }

    /** As KafkaTemplate has it. */
    interface Kafka {
        CompletableFuture<?> send(String topic, String key, String data);
    }

    interface Alerts {
        void raise(String text);
    }

    record OrderPlaced(String customer, String item, int quantity) {}

    @EventType(value = "order-placed", revision = 2)
    public record Placed(String customer, String item, int quantity) {}

    sealed interface StockEvent {}

    @EventType("stock-added")
    record Added(String item, int quantity) implements StockEvent {}

    @EventType("stock-removed")
    record Removed(String item, int quantity) implements StockEvent {}

    @Component
    static class Sales {

        private final JdbcClient jdbc;

        Sales(JdbcClient jdbc) {
            this.jdbc = jdbc;
        }

        @Transactional
        @SynckitListener(subscription = "sales", startFrom = BEGINNING)
        public void on(OrderPlaced order) {
            jdbc.sql(
                            "insert into sales (item, sold) values (?, ?) on conflict (item) do update set sold = sales.sold + excluded.sold")
                    .params(order.item(), order.quantity())
                    .update();
        }
    }

    @Component
    static class Confirmations {

        private final Mails mail;

        Confirmations(Mails mail) {
            this.mail = mail;
        }

        @SynckitListener(subscription = "confirmations")
        public void on(OrderPlaced order, StoredEvent event) {
            mail.send(order.customer(), "We have received your order", event.id());
        }
    }

    @Component
    static class Relay {

        private final Kafka kafka;

        Relay(Kafka kafka) {
            this.kafka = kafka;
        }

        @SynckitListener(subscription = "kafka-relay", startFrom = BEGINNING, partitions = 4)
        public void relay(List<StoredEvent> batch) {
            CompletableFuture.allOf(batch.stream()
                            .map(event -> kafka.send("orders", event.aggregateId(), event.dataJson()))
                            .toArray(CompletableFuture[]::new))
                    .orTimeout(10, TimeUnit.SECONDS)
                    .join();
        }
    }

    @Component
    static class Stock {

        private final Map<String, Integer> levels = new ConcurrentHashMap<>();

        @Transactional
        @SynckitListener(subscription = "stock", startFrom = BEGINNING)
        public void on(StockEvent event) {
            if (event instanceof Added added) {
                change(added.item(), added.quantity());
            } else if (event instanceof Removed removed) {
                change(removed.item(), -removed.quantity());
            }
        }

        private void change(String item, int quantity) {
            levels.merge(item, quantity, Integer::sum);
        }

        int level(String item) {
            return levels.get(item);
        }

        boolean isLow(String item) {
            return item.equals("rare");
        }
    }

    @Component
    static class Restock {

        private final EventStore events;
        private final Stock stock;

        Restock(EventStore events, Stock stock) {
            this.events = events;
            this.stock = stock;
        }

        @Transactional
        @SynckitListener(subscription = "restock", maxBatch = 10)
        public void on(OrderPlaced order) {
            if (stock.isLow(order.item())) {
                events.store(Event.of(order.item(), "RestockRequested", Map.of("quantity", 100)));
            }
        }
    }

    @Component
    @Endpoint(id = "consumers")
    static class ConsumersEndpoint {

        private final EventSubscriptions subscriptions;

        ConsumersEndpoint(EventSubscriptions subscriptions) {
            this.subscriptions = subscriptions;
        }

        @ReadOperation
        List<ParkedKey> waitingKeys(@Selector String subscription) {
            return subscriptions.durable(subscription).orElseThrow().parked(100);
        }

        @WriteOperation
        boolean requeue(@Selector String subscription, String key) {
            return subscriptions.durable(subscription).orElseThrow().requeue(key);
        }

        @DeleteOperation
        boolean skip(@Selector String subscription, String key) {
            return subscriptions.durable(subscription).orElseThrow().skip(key);
        }
    }

    @SpringBootConfiguration
    @EnableAutoConfiguration
    @Import({Sales.class, Confirmations.class, Relay.class, Stock.class, Restock.class, ConsumersEndpoint.class})
    static class Application {

        static final Collector<String> MAILS = new Collector<>();
        static final AtomicBoolean MAIL_FAILS = new AtomicBoolean(true);
        static final Collector<StoredEvent> RELAYED = new Collector<>();
        static final Collector<String> SENT = new Collector<>();
        static final Collector<String> ALERTS = new Collector<>();

        @Bean
        Kafka kafka() {
            return (topic, key, data) -> {
                SENT.add(key);
                return CompletableFuture.completedFuture(null);
            };
        }

        @Bean
        Alerts alertsOfTheTest() {
            return ALERTS::add;
        }

        @Bean
        SynckitListenerCustomizer alerts(Alerts alerts) {
            return options ->
                    options.onParked(key -> alerts.raise(options.name() + ": " + key.key() + ": " + key.failure()));
        }

        @Bean
        Mails mail() {
            return (to, text, key) -> {
                if (to.equals("fred") && MAIL_FAILS.get()) {
                    throw new IllegalStateException("the mail server does not answer");
                }
                MAILS.add(to);
            };
        }

        @Bean
        Broker broker() {
            return events -> events.forEach(RELAYED::add);
        }

        @Bean
        DurableSubscription relay(EventSubscriptions subscriptions, Broker broker) {
            DurableOptions options = DurableOptions.named("relay")
                    .startFrom(StartFrom.beginning())
                    .partitions(2);
            return subscriptions.durableBatches(options, (batch, context) -> broker.send(batch));
        }

        @Bean
        EventUpcaster orderPlacedHasAQuantity() {
            return EventUpcaster.of("order-placed", 1, json -> json.replace("\"amount\"", "\"quantity\""));
        }
    }

    @Autowired
    private EventStore events;

    @Autowired
    private EventSubscriptions subscriptions;

    @Autowired
    private JdbcClient jdbc;

    @Autowired
    private Stock stock;

    @Autowired
    private ConsumersEndpoint operators;

    private DurableSubscription subscription;

    @BeforeEach
    void find() {
        subscription = subscriptions.durable("sales").orElseThrow();
    }

    void skipFailedEvent(DurableSubscription subscription) {
        DurableStatus status = subscription.status();
        DurableStatus.Partition partition = status.partitions().get(0);
        if (partition.stopped() && partition.attempts() > 0) {
            subscription.moveTo(status.position(), partition.suspect());
        }
    }

    void rebuild() {
        subscriptions
                .durable("sales")
                .orElseThrow()
                .replay(Version.ZERO, () -> jdbc.sql("truncate sales").update());
    }

    private Outcome awaited(Version stored, String orderId) throws InterruptedException {
        Outcome outcome = subscription.await(stored, orderId, Duration.ofSeconds(2));
        return outcome;
    }

    @Test
    void consumersReceiveAnOrder() throws InterruptedException {
        Version stored = events.store(Event.of("o-1", new OrderPlaced("alice", "coffee", 2)))
                .version();

        assertThat(subscription.await(stored, Duration.ofMinutes(4))).isEqualTo(Outcome.HANDLED);
        assertThat(awaited(stored, "o-1")).isEqualTo(Outcome.HANDLED);
        assertThat(jdbc.sql("select sold from sales where item = 'coffee'")
                        .query(Integer.class)
                        .single())
                .isEqualTo(2);
        assertThat(Application.MAILS.until("alice"::equals)).isEqualTo("alice");
        Application.RELAYED.until(event -> event.aggregateId().equals("o-1"));
    }

    @Test
    void readModelIsRebuilt() throws InterruptedException {
        Version stored = events.store(Event.of("o-3", new OrderPlaced("carol", "juice", 4)))
                .version();
        assertThat(subscription.await(stored, Duration.ofMinutes(4))).isEqualTo(Outcome.HANDLED);
        jdbc.sql("update sales set sold = 77 where item = 'juice'").update();

        rebuild();

        assertThat(subscription.await(stored, Duration.ofMinutes(4))).isEqualTo(Outcome.HANDLED);
        assertThat(jdbc.sql("select sold from sales where item = 'juice'")
                        .query(Integer.class)
                        .single())
                .isEqualTo(4);
    }

    @Test
    void processManagerStoresAnEventForEachDecision() throws InterruptedException {
        Version stored = events.store(Event.of("o-4", new OrderPlaced("dora", "rare", 1)))
                .version();

        DurableSubscription restock = subscriptions.durable("restock").orElseThrow();
        assertThat(restock.await(stored, Duration.ofMinutes(4))).isEqualTo(Outcome.HANDLED);
        assertThat(events.loadByAggregate("rare", Version.ZERO).events()).hasSize(1);
    }

    @Test
    void relaySendsEvents() throws InterruptedException {
        events.store(Event.of("o-5", new OrderPlaced("erik", "milk", 1)));

        Application.SENT.until("o-5"::equals);
    }

    @Test
    void operatorRequeuesAKey() throws InterruptedException {
        Application.MAIL_FAILS.set(true);
        events.store(Event.of("o-6", new OrderPlaced("fred", "milk", 1)));
        Await.until(() -> operators.waitingKeys("confirmations").size() == 1);
        Application.MAIL_FAILS.set(false);

        assertThat(operators.requeue("confirmations", "o-6")).isTrue();

        Application.MAILS.until("fred"::equals);
    }

    @Test
    void operatorSkipsAnEvent() {
        Application.MAIL_FAILS.set(true);
        events.store(Event.of("o-7", new OrderPlaced("fred", "milk", 1)));
        Await.until(() -> operators.waitingKeys("confirmations").size() == 1);

        assertThat(operators.skip("confirmations", "o-7")).isTrue();

        Await.until(() -> operators.waitingKeys("confirmations").isEmpty());
    }

    @Test
    void oneMethodHandlesTwoEventTypes() throws InterruptedException {
        events.store(Event.of("tea", new Added("tea", 5)));
        Version stored = events.store(Event.of("tea", new Removed("tea", 2))).version();

        assertThat(subscriptions.durable("stock").orElseThrow().await(stored, Duration.ofMinutes(4)))
                .isEqualTo(Outcome.HANDLED);
        assertThat(stock.level("tea")).isEqualTo(3);
        assertThat(events.loadByAggregate("tea", Version.ZERO).events())
                .extracting(event -> event.dataAs(StockEvent.class))
                .containsExactly(new Added("tea", 5), new Removed("tea", 2));
    }

    @Test
    void earlierRevisionIsRead() {
        events.store(Event.of("o-2", "order-placed", Map.of("customer", "bob", "item", "tea", "amount", 3)));

        assertThat(events.loadByAggregate("o-2", Version.ZERO).events().get(0).dataAs(Placed.class))
                .isEqualTo(new Placed("bob", "tea", 3));
    }

    @Test
    void everyBlockStandsInThisFile() throws IOException {
        String here =
                squeezed(Files.readString(Path.of("src/test/java/io/synckit/postgres/boot/DurableSnippetsTest.java"))
                        .replace("static class", "class"));
        List<String> snippets = Pattern.compile("(?s)```java\n(.*?)```")
                .matcher(Files.readString(Path.of("../docs/durable.md")))
                .results()
                .map(block -> squeezed(block.group(1)))
                .toList();

        assertThat(snippets)
                .hasSizeGreaterThan(4)
                .allSatisfy(snippet -> assertThat(here).contains(snippet));
    }

    private static String squeezed(String text) {
        return text.replaceAll("\\s+", "");
    }
}
