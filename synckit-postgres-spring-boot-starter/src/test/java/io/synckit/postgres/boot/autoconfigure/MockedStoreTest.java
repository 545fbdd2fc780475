package io.synckit.postgres.boot.autoconfigure;

import static org.assertj.core.api.Assertions.assertThat;
import static org.mockito.Mockito.when;

import io.synckit.EventStore;
import io.synckit.StoredEvent;
import io.synckit.postgres.RealtimeEventStore;
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
