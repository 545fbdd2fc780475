package io.synckit.postgres.boot;

import static org.assertj.core.api.Assertions.assertThat;

import io.synckit.Event;
import io.synckit.EventStore;
import io.synckit.StoredEvent;
import io.synckit.subscription.EventSubscriptions;
import io.synckit.subscription.LiveOptions;
import io.synckit.subscription.LiveSubscription;
import io.zonky.test.db.postgres.embedded.EmbeddedPostgres;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.SpringBootConfiguration;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.jdbc.test.autoconfigure.JdbcTest;
import org.springframework.boot.test.context.SpringBootTest;
import org.springframework.boot.test.context.TestConfiguration;
import org.springframework.boot.testcontainers.service.connection.ServiceConnection;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Import;
import org.springframework.test.context.DynamicPropertyRegistrar;
import org.testcontainers.postgresql.PostgreSQLContainer;

/** Compiles Java blocks of docs/testing.md, and runs all but those that need Docker. TestingPageTest has those of the test module. */
@SpringBootTest(properties = {"spring.flyway.enabled=false", "spring.data.jpa.repositories.enabled=false"})
@Import(EmbeddedDatabase.class)
class TestingSnippetsTest {

    @Autowired
    private EventStore events;

    @Autowired
    private EventSubscriptions subscriptions;

    @SpringBootConfiguration
    @EnableAutoConfiguration
    static class Application {}

    /** docs/testing.md shows these annotations. JdbcSliceTest runs them. */
    @JdbcTest(properties = "spring.test.database.replace=none")
    @AutoConfigureSynckit
    private static final class Slice {}

    @Test
    void handlerReceivesTheEvent() throws InterruptedException {
        BlockingQueue<StoredEvent> received = new LinkedBlockingQueue<>();
        try (LiveSubscription subscription = subscriptions.live(LiveOptions.named("test"), received::add)) {
            events.store(Event.of("order-1", "OrderPlaced", Map.of()));

            assertThat(received.poll(10, TimeUnit.SECONDS)).isNotNull();
            assertThat(subscription.isActive()).isTrue();
        }
    }

    @Test
    void everyBlockIsInATest() throws IOException {
        String here =
                squeezed(Files.readString(Path.of("src/test/java/io/synckit/postgres/boot/TestingSnippetsTest.java"))
                        + Files.readString(Path.of(
                                "../synckit-postgres-test/src/test/java/io/synckit/test/page/TestingPageTest.java")));
        List<String> snippets = Pattern.compile("(?s)```java\n(.*?)```")
                .matcher(Files.readString(Path.of("..", "docs", "testing.md")))
                .results()
                .map(block -> squeezed(block.group(1)))
                .toList();

        assertThat(snippets).hasSize(11).allSatisfy(block -> assertThat(here).contains(block));
    }

    private static String squeezed(String text) {
        return text.replace("static class", "class").replaceAll("\\s+", "");
    }
}

@TestConfiguration(proxyBeanMethods = false)
class EmbeddedDatabase {

    @Bean(destroyMethod = "close")
    EmbeddedPostgres postgres() throws IOException {
        return EmbeddedPostgres.start();
    }

    @Bean
    DynamicPropertyRegistrar databaseProperties(EmbeddedPostgres postgres) {
        return registry -> registry.add("spring.datasource.url", () -> postgres.getJdbcUrl("postgres", "postgres"));
    }
}

@TestConfiguration(proxyBeanMethods = false)
class ContainerDatabase {

    @Bean
    @ServiceConnection
    PostgreSQLContainer postgres() {
        return new PostgreSQLContainer("postgres:18");
    }
}
