package io.synckit.postgres.boot.autoconfigure;

import static org.assertj.core.api.Assertions.assertThat;

import io.synckit.Event;
import io.synckit.EventStore;
import io.synckit.EventType;
import io.synckit.EventTypes;
import io.synckit.InvalidConfigException;
import io.synckit.StoredEvent;
import io.synckit.postgres.Config;
import io.synckit.postgres.RealtimeEventStore;
import io.synckit.postgres.boot.SynckitListener;
import io.synckit.postgres.testing.Collector;
import io.synckit.postgres.testing.TestDatabase;
import io.synckit.postgres.testing.TestPostgres;
import io.synckit.subscription.DurableSubscription;
import io.synckit.subscription.EventSubscriptions;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Flow;
import javax.sql.DataSource;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.mockito.Mockito;
import org.springframework.beans.factory.annotation.Qualifier;
import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.context.annotation.Primary;
import org.springframework.context.annotation.Scope;
import org.springframework.jdbc.support.JdbcTransactionManager;
import org.springframework.transaction.annotation.Transactional;

/** The beans, proxies and signatures that a method with {@link SynckitListener} can have. */
class SynckitListenerBeansTest {

    @RegisterExtension
    private final TestDatabase database = TestPostgres.shared().migratedDatabase();

    private final ApplicationContextRunner runner = SynckitListenerTest.applications();

    private void assertReceives(Object expected, Class<?> configuration, String... properties) {
        runner.withUserConfiguration(configuration)
                .withPropertyValues("spring.datasource.url=" + database.url())
                .withPropertyValues(properties)
                .run(context -> {
                    context.getBean(EventStore.class).store(Event.of("a", new OrderPlaced("tea")));

                    assertThat(context.getBean("received", Collector.class).next())
                            .isEqualTo(expected);
                });
    }

    private void assertFails(String message, Class<?> configuration) {
        runner.withUserConfiguration(configuration)
                .withPropertyValues("spring.datasource.url=" + database.url())
                .run(context -> assertThat(context.getStartupFailure())
                        .isInstanceOf(InvalidConfigException.class)
                        .hasMessageContaining(message));
    }

    record OrderPlaced(String item) {}

    interface Projector {
        void on(OrderPlaced order);
    }

    static class BehindAnInterface implements Projector {

        private final Collector<Object> received;

        BehindAnInterface(Collector<Object> received) {
            this.received = received;
        }

        @Override
        @Transactional
        @SynckitListener(subscription = "s")
        public void on(OrderPlaced order) {
            received.add(order);
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void methodIsCalledOnBothKindsOfProxies(boolean ofClass) {
        assertReceives(new OrderPlaced("tea"), BehindAnInterface.class, "spring.aop.proxy-target-class=" + ofClass);
    }

    @Scope("prototype")
    static class Prototype {

        private final Collector<Object> received;

        Prototype(Collector<Object> received) {
            this.received = received;
        }

        @SynckitListener(subscription = "s")
        void on(OrderPlaced order) {
            received.add("prototype");
        }
    }

    interface Annotated {

        @SynckitListener(subscription = "s")
        void on(OrderPlaced order);
    }

    static class OfAnnotatedInterface implements Annotated {

        private final Collector<Object> received;

        OfAnnotatedInterface(Collector<Object> received) {
            this.received = received;
        }

        @Override
        public void on(OrderPlaced order) {
            received.add("interface");
        }
    }

    static class Overriding extends BehindAnInterface {

        private final Collector<Object> received;

        Overriding(Collector<Object> received) {
            super(received);
            this.received = received;
        }

        @Override
        public void on(OrderPlaced order) {
            received.add("overriding");
        }
    }

    @Test
    void everyBeanWithAnAnnotatedMethodIsFound() {
        assertReceives("prototype", Prototype.class);
        assertReceives("interface", OfAnnotatedInterface.class);
        assertReceives("overriding", Overriding.class);
    }

    @Test
    void childContextRunsTheMethodsOfItsOwnBeans() {
        runner.withPropertyValues("spring.datasource.url=" + database.url())
                .run(parent -> new ApplicationContextRunner()
                        .withParent(parent)
                        .withConfiguration(AutoConfigurations.of(SynckitListenersAutoConfiguration.class))
                        .withUserConfiguration(Prototype.class)
                        .run(child -> {
                            parent.getBean(EventStore.class).store(Event.of("a", new OrderPlaced("tea")));

                            assertThat(parent.getBean("received", Collector.class)
                                            .next())
                                    .isEqualTo("prototype");
                        }));
    }

    static class OfJson {

        private final Collector<Object> received;

        OfJson(Collector<Object> received) {
            this.received = received;
        }

        @SynckitListener(subscription = "s", types = "#{'Other,OrderPlaced'.split(',')}")
        void on(Map<String, Object> order) {
            received.add(order);
        }
    }

    @Test
    void expressionCanNameSeveralTypes() {
        assertReceives(Map.of("item", "tea"), OfJson.class);
    }

    static class PrivateBesideATransaction {

        @Transactional
        public void rebuild() {}

        @SynckitListener(subscription = "s")
        private void on(OrderPlaced order) {}
    }

    static class FinalBesideATransaction {

        @Transactional
        public void rebuild() {}

        @SynckitListener(subscription = "s")
        public final void on(OrderPlaced order) {}
    }

    static class ReturnsAFuture {
        @SynckitListener(subscription = "s")
        CompletableFuture<Void> on(OrderPlaced order) {
            return CompletableFuture.completedFuture(null);
        }
    }

    static class ReturnsAPublisher {
        @SynckitListener(subscription = "s")
        Flow.Publisher<String> on(OrderPlaced order) {
            return subscriber -> {};
        }
    }

    static class ReceivesAnEventForStoring {
        @SynckitListener(subscription = "s")
        void on(Event event) {}
    }

    static class StartsPerhaps {
        @SynckitListener(subscription = "s", autoStartup = "perhaps")
        void on(StoredEvent event) {}
    }

    static class NumberAsType {
        @SynckitListener(subscription = "s", types = "#{5}")
        void on(StoredEvent event) {}
    }

    static class ReceivesAList {
        @SynckitListener(subscription = "s")
        void on(List<OrderPlaced> orders) {}
    }

    static class InvalidKey {
        @SynckitListener(subscription = "s", keyedBy = "event.metadata(['tenant']")
        void on(StoredEvent event) {}
    }

    sealed interface Payment {}

    @EventType("payment-charged")
    record Made(int cents) implements Payment {}

    sealed interface Reversal extends Payment {}

    record Refunded(int cents) implements Reversal {}

    static class ReceivesASealedInterface {

        @Bean
        EventTypes types() {
            return EventTypes.of(List.of(Made.class));
        }

        @SynckitListener(subscription = "s")
        void on(Payment payment) {}
    }

    static class TwoMethodsOfOneSubscription {
        @SynckitListener(subscription = "s")
        void on(OrderPlaced order) {}

        @SynckitListener(subscription = "s")
        void on(Made payment) {}
    }

    static class ReceivesText {

        @SynckitListener(subscription = "s")
        void on(String text) {}
    }

    @Test
    void methodsThatCannotWorkFailTheStart() {
        assertFails("has the payload java.lang.String, which is not of one event type", ReceivesText.class);
        assertFails("a method that handles batches has List<StoredEvent>", ReceivesAList.class);
        assertFails("is not a SpEL expression", InvalidKey.class);
        assertFails("SynckitListenerBeansTest$Refunded] without @EventType", ReceivesASealedInterface.class);
        assertFails("or handle all event types by one method", TwoMethodsOfOneSubscription.class);
        assertFails("is private or final, and its bean has a proxy", PrivateBesideATransaction.class);
        assertFails("is private or final, and its bean has a proxy", FinalBesideATransaction.class);
        assertFails("returns CompletableFuture", ReturnsAFuture.class);
        assertFails("returns Publisher", ReturnsAPublisher.class);
        assertFails("receive StoredEvent", ReceivesAnEventForStoring.class);
        assertFails("autoStartup is 'perhaps'", StartsPerhaps.class);
        assertFails("types \"#{5}\" has the value 5", NumberAsType.class);
    }

    static class QualifiedManager {

        private final Collector<Object> received;

        QualifiedManager(Collector<Object> received) {
            this.received = received;
        }

        @Bean
        @Qualifier("orders") JdbcTransactionManager ordersTransactionManager(DataSource dataSource) {
            return new JdbcTransactionManager(dataSource);
        }

        @Transactional("orders")
        @SynckitListener(subscription = "s")
        public void on(OrderPlaced order) {
            received.add("qualified");
        }
    }

    @Configuration(proxyBeanMethods = false)
    @Import(BehindAnInterface.class)
    static class TwoManagers {

        @Bean
        JdbcTransactionManager first(DataSource dataSource) {
            return new JdbcTransactionManager(dataSource);
        }

        @Bean
        @Primary
        JdbcTransactionManager second(DataSource dataSource) {
            return new JdbcTransactionManager(dataSource);
        }
    }

    @Test
    void managerIsFoundByQualifierAndAsPrimary() {
        assertReceives("qualified", QualifiedManager.class);
        assertReceives(new OrderPlaced("tea"), TwoManagers.class);
    }

    @Configuration(proxyBeanMethods = false)
    @Import(BehindAnInterface.class)
    static class OwnStore {

        @Bean
        RealtimeEventStore store(DataSource dataSource) {
            return RealtimeEventStore.on(dataSource, dataSource, Config.defaults());
        }
    }

    /** Its checkpoint would be stored in another transaction. */
    @Test
    void transactionalMethodNeedsAStoreThatJoinsItsTransaction() {
        assertFails("does not use the bean ConnectionSource", OwnStore.class);
    }

    @Test
    void mockedSubscriptionsDoNotDelayTheEnd() {
        SynckitListenerContainer[] container = new SynckitListenerContainer[1];
        runner.withUserConfiguration(Prototype.class)
                .withBean(EventSubscriptions.class, () -> Mockito.mock(EventSubscriptions.class))
                .withPropertyValues("spring.datasource.url=" + database.url())
                .run(context -> {
                    container[0] = context.getBean(SynckitListenerContainer.class);
                    assertThat(container[0].isRunning()).isTrue();
                });

        assertThat(container[0].isRunning()).isFalse();
    }

    static class Plain {
        @SynckitListener(subscription = "s")
        void on(StoredEvent event) {}
    }

    /** Spring would wait until the time-out of the phase. */
    @Test
    void failureAtTheEndDoesNotDelayIt() {
        DurableSubscription failing = Mockito.mock(DurableSubscription.class);
        Mockito.doThrow(new IllegalStateException("on purpose")).when(failing).close();
        EventSubscriptions subscriptions = Mockito.mock(EventSubscriptions.class);
        Mockito.when(subscriptions.durable(Mockito.any(), Mockito.any())).thenReturn(failing);
        Collector<Object> called = new Collector<>();
        runner.withUserConfiguration(Plain.class)
                .withBean(EventSubscriptions.class, () -> subscriptions)
                .withPropertyValues("spring.datasource.url=" + database.url())
                .run(context -> {
                    context.getBean(SynckitListenerContainer.class).stop(() -> called.add("ended"));

                    assertThat(called.next()).isEqualTo("ended");
                });
    }
}
