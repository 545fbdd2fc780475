package io.synckit.postgres.boot;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.synckit.AppendOptions;
import io.synckit.Event;
import io.synckit.EventPage;
import io.synckit.EventStore;
import io.synckit.ExpectedStreamVersion;
import io.synckit.Filter;
import io.synckit.OnDuplicate;
import io.synckit.StoredEvent;
import io.synckit.Version;
import io.synckit.WrongExpectedVersionException;
import io.synckit.postgres.testing.TestDatabase;
import io.synckit.postgres.testing.TestPostgres;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.SpringBootConfiguration;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.test.context.SpringBootTest;
import org.springframework.context.annotation.Import;
import org.springframework.dao.DuplicateKeyException;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.stereotype.Service;
import org.springframework.test.context.DynamicPropertyRegistry;
import org.springframework.test.context.DynamicPropertySource;
import org.springframework.transaction.annotation.Transactional;

/** The README's Java is compiled and run here: each of its blocks stands in this file, and each works. */
@SpringBootTest(properties = {"spring.flyway.locations=classpath:db/app", "spring.data.jpa.repositories.enabled=false"})
class ReadmeSnippetsTest {

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
            return events.store(Event.of(orderId, "OrderPlaced", order)).version();
        }
    }

    Version follow(Version since) {
        EventPage page;
        do {
            page = events.load(since, Filter.types("OrderPlaced"));
            for (StoredEvent event : page) {
                System.out.println(
                        event.version() + " " + event.dataAs(OrderPlaced.class).item());
            }
            since = page.next();
        } while (page.hasMore());
        return since;
    }

    boolean ship(String orderId) {
        while (true) {
            List<StoredEvent> history;
            try (Stream<StoredEvent> stream = events.streamByAggregate(orderId, Version.ZERO)) {
                history = stream.toList();
            }
            if (history.stream().anyMatch(event -> event.type().equals("OrderShipped"))) {
                return false;
            }
            try {
                Event shipped = Event.of(orderId, "OrderShipped", Map.of("by", "post"));
                events.append(orderId, ExpectedStreamVersion.exactly(history.size()), List.of(shipped));
                return true;
            } catch (WrongExpectedVersionException e) {
                // Somebody was faster.
            }
        }
    }

    @Test
    void theStoryOfTheReadme() {
        Version since = events.latestVersion();
        Version version = shop.place("order-1", new OrderPlaced("alice", "coffee", 2));
        assertThatExceptionOfType(DuplicateKeyException.class)
                .isThrownBy(() -> shop.place("order-1", new OrderPlaced("alice", "tea", 2)));

        Version next = follow(since);
        assertThat(next.isAfter(version) || next.equals(version)).isTrue();
        assertThat(events.load(next)).isEmpty();
        assertThat(events.loadByAggregate("order-1", Version.ZERO)).hasSize(1);

        assertThat(ship("order-1")).isTrue();
        assertThat(ship("order-1")).isFalse();

        Event event = Event.of("order-1", "OrderPaid", Map.of());
        events.store(event, AppendOptions.onDuplicate(OnDuplicate.RETURN_EXISTING));
        events.store(event, AppendOptions.onDuplicate(OnDuplicate.RETURN_EXISTING));

        try (Stream<StoredEvent> all = events.stream(Version.ZERO)) {
            all.forEach(stored -> System.out.println(stored.id()));
        }
        assertThat(events.loadByAggregate("order-1", Version.ZERO)).hasSize(3);
    }

    @Test
    void everyBlockOfTheReadmeStandsInThisFile() throws IOException {
        String here =
                squeezed(Files.readString(Path.of("src/test/java/io/synckit/postgres/boot/ReadmeSnippetsTest.java")));
        Matcher blocks = Pattern.compile("(?s)```java\n(.*?)```").matcher(Files.readString(Path.of("..", "README.md")));
        List<String> found = blocks.results().map(block -> block.group(1)).collect(Collectors.toList());

        assertThat(found).hasSize(5).allSatisfy(block -> assertThat(here).contains(squeezed(block)));
    }

    private static String squeezed(String text) {
        return text.replace("static class Shop", "class Shop")
                .replace("(stored -> System.out.println(stored.id()))", "(event -> System.out.println(event.id()))")
                .replaceAll("\\s+", "");
    }
}
