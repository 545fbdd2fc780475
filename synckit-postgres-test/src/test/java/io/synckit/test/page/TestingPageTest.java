package io.synckit.test.page;

import static org.assertj.core.api.Assertions.assertThat;

import io.synckit.Event;
import io.synckit.EventStore;
import io.synckit.StoredEvent;
import io.synckit.postgres.RealtimeEventStore;
import io.synckit.postgres.boot.SynckitListenerCustomizer;
import io.synckit.subscription.DurableSubscription;
import io.synckit.subscription.DurableSubscription.Outcome;
import io.synckit.subscription.EventSubscriptions;
import io.synckit.test.AutoConfigureSynckitTest;
import io.synckit.test.EventStoreScenario;
import io.synckit.test.StoredEvents;
import io.synckit.test.SynckitExtension;
import io.synckit.test.SynckitTest;
import io.synckit.test.page.PageApplication.Confirmations;
import io.synckit.test.page.PageApplication.FakeMail;
import io.synckit.test.page.PageApplication.Mails;
import io.synckit.test.page.PageApplication.OrderPlaced;
import io.synckit.test.page.PageApplication.Sales;
import io.synckit.test.page.PageApplication.Shop;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.test.context.SpringBootTest;
import org.springframework.boot.test.context.TestConfiguration;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Import;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.test.context.bean.override.mockito.MockitoBean;
import org.springframework.test.context.jdbc.Sql;

/** Runs the Java blocks of docs/testing.md that use this module. TestingSnippetsTest of the starter compares them with the page. */
class TestingPageTest {

    private final List<String> mails = new ArrayList<>();

    private final Confirmations confirmations =
            new Confirmations((to, text, idempotencyKey) -> mails.add(to + ": " + text));

    @Test
    void confirmationIsSentToTheCustomer() {
        StoredEvent event = StoredEvents.of("order-1", new OrderPlaced("alice", "coffee", 2));

        confirmations.on(event.dataAs(OrderPlaced.class), event);

        assertThat(mails).containsExactly("alice: We have received your order");
    }

    @Nested
    @SynckitTest
    @Import({Sales.class, Confirmations.class})
    class ConsumersTest {

        @Autowired
        private EventStore events;

        @Autowired
        private EventStoreScenario scenario;

        @Autowired
        private JdbcClient jdbc;

        @MockitoBean
        private Mails mail;

        @Test
        void orderIsCountedAndConfirmed() throws Exception {
            scenario.given(Event.of("order-1", new OrderPlaced("alice", "coffee", 1)))
                    .when(() -> events.store(Event.of("order-2", new OrderPlaced("bob", "coffee", 2))))
                    .thenStored("OrderPlaced", new OrderPlaced("bob", "coffee", 2))
                    .awaitHandled("sales")
                    .awaitHandled("confirmations");

            assertThat(jdbc.sql("select sold from sales where item = 'coffee'")
                            .query(Integer.class)
                            .single())
                    .isEqualTo(3);
        }
    }

    @Nested
    @SpringBootTest
    @AutoConfigureSynckitTest
    class ShopTest {

        @Autowired
        private EventStoreScenario scenario;

        @Autowired
        private Shop shop;

        @Test
        void orderIsStored() throws Exception {
            scenario.when(() -> shop.place("order-3", "carol", "tea", 1))
                    .thenStored("OrderPlaced", new OrderPlaced("carol", "tea", 1))
                    .awaitHandled("sales");
        }
    }

    @Nested
    @SpringBootTest
    @AutoConfigureSynckitTest
    class FailureTest {

        @TestConfiguration(proxyBeanMethods = false)
        static class FewRetries {

            @Bean
            SynckitListenerCustomizer fewRetries() {
                return options -> options.maxRetries(1).backoff(Duration.ofMillis(10), 1, Duration.ofMillis(10));
            }
        }

        @Autowired
        private EventStoreScenario scenario;

        @Autowired
        private EventStore events;

        @Autowired
        private EventSubscriptions subscriptions;

        @Autowired
        private Shop shop;

        @Autowired
        private FakeMail mail;

        @Test
        void failedMailIsSentAfterRequeue() throws Exception {
            mail.fails(true);
            scenario.when(() -> shop.place("order-4", "dora", "milk", 1));
            DurableSubscription confirmations =
                    subscriptions.durable("confirmations").orElseThrow();
            assertThat(confirmations.await(events.latestVersion(), "order-4", Duration.ofSeconds(30)))
                    .isEqualTo(Outcome.PARKED);

            mail.fails(false);
            confirmations.requeue("order-4");

            scenario.awaitHandled("confirmations");
        }
    }

    @Nested
    @SpringBootTest
    @AutoConfigureSynckitTest
    @Sql(statements = {"set local synckit.maintenance = 'on'", "truncate synckit.events", "truncate sales"})
    class CleanTest {

        @Autowired
        private EventStoreScenario scenario;

        @Autowired
        private JdbcClient jdbc;

        @Autowired
        private Shop shop;

        @RepeatedTest(2)
        void orderIsTheOnlyOne() throws Exception {
            scenario.when(() -> shop.place("order-5", "erin", "rice", 1))
                    .thenStored("OrderPlaced", new OrderPlaced("erin", "rice", 1))
                    .awaitHandled("sales")
                    .awaitHandled("confirmations");

            assertThat(jdbc.sql("select sold from sales").query(Integer.class).single())
                    .isEqualTo(1);
        }
    }

    @Nested
    @ExtendWith(SynckitExtension.class)
    class ReportTest {

        @Test
        void eventIsStored(RealtimeEventStore store, EventStoreScenario scenario) throws Exception {
            scenario.when(() -> store.store(Event.of("report-1", "Opened", Map.of())))
                    .thenStored("Opened", Map.of());
        }
    }
}
