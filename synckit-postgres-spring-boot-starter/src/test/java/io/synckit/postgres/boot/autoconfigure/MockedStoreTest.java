package io.synckit.postgres.boot.autoconfigure;

import static org.assertj.core.api.Assertions.assertThat;
import static org.mockito.ArgumentMatchers.any;
import static org.mockito.Mockito.timeout;
import static org.mockito.Mockito.verify;
import static org.mockito.Mockito.when;

import io.synckit.Event;
import io.synckit.EventStore;
import io.synckit.StoredEvent;
import io.synckit.postgres.RealtimeEventStore;
import io.synckit.postgres.boot.SynckitListener;
import io.synckit.postgres.testing.TestDatabase;
import io.synckit.postgres.testing.TestPostgres;
import java.util.Optional;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.mockito.Mockito;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.flyway.autoconfigure.FlywayAutoConfiguration;
import org.springframework.boot.hibernate.autoconfigure.HibernateJpaAutoConfiguration;
import org.springframework.boot.test.context.SpringBootTest;
import org.springframework.boot.test.context.SpringBootTest.WebEnvironment;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.stereotype.Component;
import org.springframework.test.context.DynamicPropertyRegistry;
import org.springframework.test.context.DynamicPropertySource;
import org.springframework.test.context.bean.override.mockito.MockitoBean;

/** Tests of applications replace the store by a mock; life cycle, health and metrics do not need it. */
class MockedStoreTest {

    private static TestDatabase database;

    @BeforeAll
    static void open() {
        database = TestPostgres.shared().emptyDatabase();
    }

    @AfterAll
    static void close() {
        database.close();
    }

    @Component
    static class Shop {

        @Autowired
        private EventStore events;
    }

    @Configuration(proxyBeanMethods = false)
    @EnableAutoConfiguration(exclude = {FlywayAutoConfiguration.class, HibernateJpaAutoConfiguration.class})
    static class Application {}

    abstract static class Common {

        @DynamicPropertySource
        static void properties(DynamicPropertyRegistry registry) {
            registry.add("spring.datasource.url", () -> database.url());
            registry.add("spring.data.jpa.repositories.enabled", () -> "false");
        }
    }

    @Component
    static class Mailer {

        @SynckitListener(subscription = "mails")
        public void on(StoredEvent event) {
            throw new IllegalStateException("the mock is not used");
        }
    }

    @Nested
    @SpringBootTest(classes = Application.class, webEnvironment = WebEnvironment.NONE)
    @Import(Mailer.class)
    class ABeanWithAHandler extends Common {

        @MockitoBean
        private Mailer mailer;

        @Autowired
        private EventStore store;

        @Test
        void isCalledByTheSubscription() {
            store.store(Event.of("a", "T", 1));

            verify(mailer, timeout(240_000)).on(any());
        }
    }

    @Nested
    @SpringBootTest(classes = Application.class, webEnvironment = WebEnvironment.NONE)
    @Import(Shop.class)
    class AnEventStore extends Common {

        @MockitoBean
        private EventStore store;

        @Autowired
        private Shop shop;

        @Test
        void isUsed() {
            when(store.find("x")).thenReturn(Optional.<StoredEvent>empty());
            assertThat(shop.events).isSameAs(store);
        }
    }

    @Nested
    @SpringBootTest(
            classes = Application.class,
            webEnvironment = WebEnvironment.NONE,
            properties = "synckit.postgres.listener.enabled=false")
    @Import(Shop.class)
    class AnEventStoreWithoutListener extends Common {

        @MockitoBean
        private EventStore store;

        @Autowired
        private Shop shop;

        @Test
        void isUsed() {
            assertThat(shop.events).isSameAs(store);
        }
    }

    @Nested
    @SpringBootTest(classes = Application.class, webEnvironment = WebEnvironment.NONE)
    @Import(Shop.class)
    class ARealtimeEventStore extends Common {

        @MockitoBean
        private RealtimeEventStore store;

        @Autowired
        private Shop shop;

        @Test
        void isUsed() {
            assertThat(shop.events).isSameAs(store);
            assertThat(Mockito.mockingDetails(store).isMock()).isTrue();
        }
    }

    @Nested
    @SpringBootTest(
            classes = Application.class,
            webEnvironment = WebEnvironment.NONE,
            properties = "synckit.postgres.listener.enabled=false")
    class ARealtimeEventStoreWithoutListener extends Common {

        @MockitoBean
        private RealtimeEventStore store;

        @Test
        void isUsed() {
            assertThat(Mockito.mockingDetails(store).isMock()).isTrue();
        }
    }
}
