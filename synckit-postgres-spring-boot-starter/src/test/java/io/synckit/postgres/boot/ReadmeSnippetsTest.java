package io.synckit.postgres.boot;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.synckit.AppendResult;
import io.synckit.Event;
import io.synckit.EventStore;
import io.synckit.ExpectedStreamVersion;
import io.synckit.Filter;
import io.synckit.HistoryChangedException;
import io.synckit.OnDuplicate;
import io.synckit.SlowSubscriberException;
import io.synckit.StoredEvent;
import io.synckit.Version;
import io.synckit.WrongExpectedVersionException;
import io.synckit.postgres.RealtimeEventStore;
import io.synckit.postgres.boot.quickstart.ShopApplication;
import io.synckit.postgres.testing.Await;
import io.synckit.postgres.testing.Collector;
import io.synckit.postgres.testing.TestDatabase;
import io.synckit.postgres.testing.TestPostgres;
import io.synckit.subscription.EventSubscriptions;
import io.synckit.subscription.LiveNotice;
import io.synckit.subscription.LiveOptions;
import io.synckit.subscription.LiveOptions.SlowSubscriber;
import io.synckit.subscription.LiveSubscription;
import io.synckit.subscription.StoredEventHandler;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Flow;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.SpringBootConfiguration;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.boot.test.context.SpringBootTest;
import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Import;
import org.springframework.core.retry.RetryPolicy;
import org.springframework.core.retry.RetryTemplate;
import org.springframework.dao.DuplicateKeyException;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.stereotype.Service;
import org.springframework.test.context.DynamicPropertyRegistry;
import org.springframework.test.context.DynamicPropertySource;
import org.springframework.transaction.annotation.Transactional;

/** The Java of the README and of docs/live.md is compiled and run here: each of its blocks stands in this file, and each works. */
@SpringBootTest(
        properties = {
            "spring.flyway.locations=classpath:db/app",
            "spring.flyway.baseline-on-migrate=true",
            "spring.flyway.baseline-version=0",
            "spring.data.jpa.repositories.enabled=false"
        })
class ReadmeSnippetsTest {

    private static final TestDatabase DATABASE = TestPostgres.shared().emptyDatabase();

    @DynamicPropertySource
    static void database(DynamicPropertyRegistry registry) {
        DATABASE.execute("create table report (sold integer)", "insert into report values (0)");
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
    private Shop shop;

    @SpringBootConfiguration
    @EnableAutoConfiguration
    @Import(Shop.class)
    static class Application {}

    record OrderPlaced(String customer, String item, int quantity) {}

    @Service
    static class Shop {

        private final EventStore events;
        private final JdbcClient jdbc;

        Shop(EventStore events, JdbcClient jdbc) {
            this.events = events;
            this.jdbc = jdbc;
        }

        @Transactional
        public Version place(String orderId, OrderPlaced order) {
            jdbc.sql("insert into orders (id, item) values (?, ?)")
                    .params(orderId, order.item())
                    .update();
            return events.store(Event.of(orderId, order)).version();
        }

        @Transactional
        @SynckitListener(subscription = "report", startFrom = SynckitListener.Start.BEGINNING)
        public void project(OrderPlaced order) {
            jdbc.sql("update report set sold = sold + ?")
                    .param(order.quantity())
                    .update();
        }
    }

    LiveSubscription print(EventSubscriptions subscriptions) {
        return subscriptions.live(
                LiveOptions.named("print").filter(Filter.types("OrderPlaced")),
                event -> System.out.println(event.dataAs(OrderPlaced.class)));
    }

    LiveSubscription everything(EventSubscriptions subscriptions, Version since) {
        return subscriptions.live(
                LiveOptions.named("everything")
                        .from(since)
                        .buffer(10_000)
                        .whenSlow(SlowSubscriber.CANCEL)
                        .onNotice(notice -> System.out.println(notice)),
                event -> System.out.println(event.version() + " " + event.type()));
    }

    void resume(EventSubscriptions subscriptions, LiveNotice notice, StoredEventHandler handler) {
        if (notice instanceof LiveNotice.Ended ended) {
            if (ended.failure() instanceof SlowSubscriberException slow) {
                subscriptions.live(LiveOptions.named("everything").from(slow.handled()), handler);
            } else if (ended.failure() instanceof HistoryChangedException changed) {
                subscriptions.live(LiveOptions.named("everything").from(changed.safe()), handler);
            }
        }
    }

    void inTens(EventSubscriptions subscriptions, Flow.Subscriber<StoredEvent> subscriber) {
        subscriptions.publisher(LiveOptions.named("in-tens").from(Version.ZERO)).subscribe(subscriber);
    }

    private final RetryTemplate conflicts = new RetryTemplate(RetryPolicy.builder()
            .includes(WrongExpectedVersionException.class)
            .maxRetries(4)
            .delay(Duration.ofMillis(10))
            .jitter(Duration.ofMillis(10))
            .build());

    boolean ship(String orderId) {
        return conflicts.invoke(() -> shipOnce(orderId));
    }

    private boolean shipOnce(String orderId) {
        List<StoredEvent> history;
        try (Stream<StoredEvent> stream = events.streamByAggregate(orderId, Version.ZERO)) {
            history = stream.toList();
        }
        if (history.stream().anyMatch(event -> event.type().equals("OrderShipped"))) {
            return false;
        }
        Event shipped = Event.of(orderId, "OrderShipped", Map.of("by", "post"));
        events.append(orderId, ExpectedStreamVersion.exactly(history.size()), List.of(shipped));
        return true;
    }

    @Test
    void useCasesOfTheReadme() {
        Version since = events.latestVersion();
        Version version = shop.place("order-1", new OrderPlaced("alice", "coffee", 2));
        assertThatExceptionOfType(DuplicateKeyException.class)
                .isThrownBy(() -> shop.place("order-1", new OrderPlaced("alice", "tea", 2)));

        assertThat(version).isGreaterThan(since);
        Await.until(DATABASE, "select sold >= 2 from report", "t");
        assertThat(events.loadByAggregate("order-1", Version.ZERO)).hasSize(1);

        assertThat(ship("order-1")).isTrue();
        assertThat(ship("order-1")).isFalse();

        String requestId = "request-1";
        events.storeAsync(Event.of("order-1", "OrderPaid", Map.of()).withId(requestId))
                .join();
        Event event = Event.of("order-1", "OrderPaid", Map.of()).withId(requestId);
        AppendResult result = events.store(event, OnDuplicate.RETURN_EXISTING);
        assertThat(result.alreadyStored()).isTrue();

        try (Stream<StoredEvent> all = events.stream(Version.ZERO)) {
            all.forEach(stored -> System.out.println(stored.id()));
        }
        assertThat(events.loadByAggregate("order-1", Version.ZERO)).hasSize(3);
    }

    @Test
    void subscriptionsOfTheReadme() throws InterruptedException {
        Collector<StoredEvent> ten = new Collector<>();
        LiveSubscription printing = print(live.subscriptions());
        LiveSubscription all = everything(live.subscriptions(), Version.ZERO);
        inTens(live.subscriptions(), new TenAtATime(ten));
        for (int i = 0; i < 25; i++) {
            events.store(Event.of("order-live", "OrderPlaced", new OrderPlaced("alice", "tea", i)));
        }

        ten.next(25);
        Collector<StoredEvent> again = new Collector<>();
        resume(live.subscriptions(), new LiveNotice.Ended(new SlowSubscriberException(Version.ZERO, 1)), again::add);
        resume(
                live.subscriptions(),
                new LiveNotice.Ended(new HistoryChangedException(Version.of(9), Version.ZERO, Instant.now())),
                again::add);
        again.next(50);
        Version latest = events.latestVersion();
        Await.until(() -> printing.position().equals(latest) && all.position().equals(latest));
        printing.close();
        all.close();
    }

    private static final class TenAtATime implements Flow.Subscriber<StoredEvent> {

        private final Collector<StoredEvent> seen;
        private Flow.Subscription subscription;
        private int open;

        TenAtATime(Collector<StoredEvent> seen) {
            this.seen = seen;
        }

        @Override
        public void onSubscribe(Flow.Subscription given) {
            subscription = given;
            more();
        }

        private void more() {
            open = 10;
            subscription.request(open);
        }

        @Override
        public void onNext(StoredEvent event) {
            seen.add(event);
            if (--open == 0) {
                more();
            }
        }

        @Override
        public void onError(Throwable failure) {
            throw new AssertionError(failure);
        }

        @Override
        public void onComplete() {
            // The application has ended.
        }
    }

    /** The application of the quick start, with the arguments that an application.yml would hold. */
    @Test
    @ExtendWith(OutputCaptureExtension.class)
    void quickStartPrintsTheEvent(CapturedOutput output) {
        try (TestDatabase database = TestPostgres.shared().emptyDatabase()) {
            ConfigurableApplicationContext quickStart = new SpringApplicationBuilder(ShopApplication.class)
                    .run(
                            "--spring.datasource.url=" + database.url(),
                            "--spring.main.web-application-type=none",
                            "--spring.flyway.enabled=false",
                            "--spring.data.jpa.repositories.enabled=false");
            Await.until(
                    () -> output.getOut().contains("received OrderPlaced[customer=alice, item=coffee, quantity=2]"));
            quickStart.close();
        }
    }

    @ParameterizedTest
    @CsvSource({"README.md, 5", "docs/live.md, 3"})
    void everyBlockOfThePagesIsCompiled(String page, int blocks) throws IOException {
        Path sources = Path.of("src/test/java/io/synckit/postgres/boot");
        String here = squeezed(Files.readString(sources.resolve("ReadmeSnippetsTest.java"))
                + Files.readString(sources.resolve("quickstart/ShopApplication.java")));
        Matcher found = Pattern.compile("(?s)```java\n(.*?)```")
                .matcher(Files.readString(Path.of("..").resolve(page)));
        List<String> snippets = found.results().map(block -> block.group(1)).toList();

        assertThat(snippets)
                .hasSize(blocks)
                .allSatisfy(block -> assertThat(here).contains(squeezed(block)));
    }

    private static String squeezed(String text) {
        return text.replace("package com.example.shop;", "package io.synckit.postgres.boot.quickstart;")
                .replace("static class Shop", "class Shop")
                .replace("(stored -> System.out.println(stored.id()))", "(event -> System.out.println(event.id()))")
                .replaceAll("\\s+", "");
    }
}
