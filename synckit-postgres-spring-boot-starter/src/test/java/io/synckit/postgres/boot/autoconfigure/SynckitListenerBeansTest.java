package io.synckit.postgres.boot.autoconfigure;

import static org.assertj.core.api.Assertions.assertThat;

import io.synckit.Event;
import io.synckit.EventStore;
import io.synckit.EventType;
import io.synckit.EventTypes;
import io.synckit.InvalidConfigException;
import io.synckit.StoredEvent;
import io.synckit.postgres.boot.SynckitListener;
import io.synckit.postgres.testing.Collector;
import io.synckit.postgres.testing.TestDatabase;
import io.synckit.postgres.testing.TestPostgres;
import io.synckit.subscription.DurableSubscription;
import io.synckit.subscription.EventSubscriptions;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.Flow;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.mockito.Mockito;
import org.springframework.beans.factory.config.CustomScopeConfigurer;
import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Scope;
import org.springframework.context.annotation.ScopedProxyMode;
import org.springframework.context.support.SimpleThreadScope;
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
        assertReceives("OrderPlaced", InheritsAMethod.class);
        assertReceives(new OrderPlaced("tea"), Scoped.class);
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

    record Detail(String item) {}

    @EventType("detail-changed")
    record Typed<T>(T value) {}

    static class ReceivesAGenericRecord {

        private final Collector<Object> received;

        ReceivesAGenericRecord(Collector<Object> received) {
            this.received = received;
        }

        @Bean
        EventTypes types() {
            return EventTypes.of(List.of(Typed.class));
        }

        @SynckitListener(subscription = "s")
        void on(Typed<Detail> changed) {
            received.add(changed);
        }
    }

    sealed interface Payment {}

    record OrderPaid(int cents) implements Payment {}

    sealed interface Reversal extends Payment {}

    record Refunded(int cents) implements Reversal {}

    static class ReceivesASealedInterface {

        private final Collector<Object> received;

        ReceivesASealedInterface(Collector<Object> received) {
            this.received = received;
        }

        @SynckitListener(subscription = "s")
        void on(Payment payment) {
            received.add(payment);
        }
    }

    enum Status {
        OPEN {},
        CLOSED {}
    }

    static class ReceivesAnEnum {

        private final Collector<Object> received;

        ReceivesAnEnum(Collector<Object> received) {
            this.received = received;
        }

        @SynckitListener(subscription = "s")
        void on(Status status) {
            received.add(status);
        }
    }

    abstract static class Batches<T> {

        @SynckitListener(subscription = "s")
        public void on(List<T> events) {
            handle(events);
        }

        abstract void handle(List<T> events);
    }

    public static class InheritsAMethod extends Batches<StoredEvent> {

        private final Collector<Object> received;

        InheritsAMethod(Collector<Object> received) {
            this.received = received;
        }

        @Override
        void handle(List<StoredEvent> events) {
            events.forEach(event -> received.add(event.type()));
        }
    }

    @Scope(value = "thread", proxyMode = ScopedProxyMode.INTERFACES)
    static class Scoped extends BehindAnInterface {

        Scoped(Collector<Object> received) {
            super(received);
        }

        @Bean
        static CustomScopeConfigurer scopes() {
            CustomScopeConfigurer configurer = new CustomScopeConfigurer();
            configurer.addScope("thread", new SimpleThreadScope());
            return configurer;
        }
    }

    @Test
    void payloadOfSeveralClassesOrTypesIsReceived() {
        assertReceivesPayload(new Refunded(5), ReceivesASealedInterface.class);
        assertReceivesPayload(Status.CLOSED, ReceivesAnEnum.class);
        assertReceivesPayload(new Typed<>(new Detail("tea")), ReceivesAGenericRecord.class);
    }

    private void assertReceivesPayload(Object payload, Class<?> configuration) {
        runner.withUserConfiguration(configuration)
                .withPropertyValues("spring.datasource.url=" + database.url())
                .run(context -> {
                    context.getBean(EventStore.class).store(Event.of("a", payload));

                    assertThat(context.getBean("received", Collector.class).next())
                            .isEqualTo(payload);
                });
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

    @EventType("payment-charged")
    record Made(int cents) {}

    static class TwoMethodsOfOneSubscription {
        @SynckitListener(subscription = "s")
        void on(OrderPlaced order) {}

        @SynckitListener(subscription = "s")
        void on(Made payment) {}
    }

    /** As Reactor's Mono. */
    interface CorePublisher<T> extends org.reactivestreams.Publisher<T> {}

    abstract static class Mono<T> implements CorePublisher<T> {}

    static class ReturnsAMono {
        @SynckitListener(subscription = "s")
        Mono<Void> on(OrderPlaced order) {
            throw new IllegalStateException("is not called");
        }
    }

    static class ReceivesACollection {
        @SynckitListener(subscription = "s", types = "OrderPlaced")
        void on(Collection<StoredEvent> events) {}
    }

    static class ReceivesAnArray {
        @SynckitListener(subscription = "s", types = "OrderPlaced")
        void on(StoredEvent[] events) {}
    }

    static class NameIsNull {
        @SynckitListener(subscription = "#{environment['shop.missing']}")
        void on(StoredEvent event) {}
    }

    static class InvalidName {
        @SynckitListener(subscription = "#{missing.name}")
        void on(StoredEvent event) {}
    }

    static class BlankStart {
        @SynckitListener(subscription = "s", autoStartup = "${shop.missing:}")
        void on(StoredEvent event) {}
    }

    interface Shipment {}

    static class ReceivesAnInterface {
        @SynckitListener(subscription = "s")
        void on(Shipment shipment) {}
    }

    static class ReceivesText {

        @SynckitListener(subscription = "s")
        void on(String text) {}
    }

    @Test
    void methodsThatCannotWorkFailTheStart() {
        assertFails("returns Mono", ReturnsAMono.class);
        assertFails("receive List<StoredEvent>", ReceivesACollection.class);
        assertFails("receive List<StoredEvent>", ReceivesAnArray.class);
        assertFails("NameIsNull.on(StoredEvent): \"#{environment['shop.missing']}\" is null", NameIsNull.class);
        assertFails("InvalidName.on(StoredEvent): \"#{missing.name}\" cannot be evaluated", InvalidName.class);
        assertFails("autoStartup is ''", BlankStart.class);
        assertFails("make it sealed", ReceivesAnInterface.class);
        assertFails("has the payload java.lang.String, a class of the JDK", ReceivesText.class);
        assertFails("a method that handles batches has List<StoredEvent>", ReceivesAList.class);
        assertFails("is not a SpEL expression", InvalidKey.class);
        assertFails("or handle all event types by one method", TwoMethodsOfOneSubscription.class);
        assertFails("is private or final, and its bean has a proxy", PrivateBesideATransaction.class);
        assertFails("is private or final, and its bean has a proxy", FinalBesideATransaction.class);
        assertFails("returns CompletableFuture", ReturnsAFuture.class);
        assertFails("returns Publisher", ReturnsAPublisher.class);
        assertFails("receive StoredEvent", ReceivesAnEventForStoring.class);
        assertFails("autoStartup is 'perhaps'", StartsPerhaps.class);
        assertFails("types \"#{5}\" has the value 5", NumberAsType.class);
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

    /** It does not wait for the handlers one after the other, and calls none of them for further events. */
    @Test
    void allSubscriptionsStopAtTheSameTime() {
        CyclicBarrier barrier = new CyclicBarrier(5);
        EventSubscriptions subscriptions = Mockito.mock(EventSubscriptions.class);
        Mockito.when(subscriptions.durable(Mockito.any(), Mockito.any())).thenAnswer(call -> {
            DurableSubscription subscription = Mockito.mock(DurableSubscription.class);
            Mockito.doAnswer(close -> barrier.await(4, TimeUnit.MINUTES))
                    .when(subscription)
                    .close();
            return subscription;
        });
        runner.withUserConfiguration(FiveSubscriptions.class)
                .withBean(EventSubscriptions.class, () -> subscriptions)
                .withPropertyValues("spring.datasource.url=" + database.url())
                .run(context -> context.getBean(SynckitListenerContainer.class).stop());

        assertThat(barrier.isBroken()).isFalse();
    }

    static class FiveSubscriptions {
        @SynckitListener(subscription = "s-1")
        @SynckitListener(subscription = "s-2")
        @SynckitListener(subscription = "s-3")
        @SynckitListener(subscription = "s-4")
        @SynckitListener(subscription = "s-5")
        void on(StoredEvent event) {}
    }

    @Test
    void startCanBeRepeatedAfterAFailure() {
        DurableSubscription first = Mockito.mock(DurableSubscription.class);
        EventSubscriptions subscriptions = Mockito.mock(EventSubscriptions.class);
        Mockito.when(subscriptions.durable(Mockito.any(), Mockito.any()))
                .thenReturn(first)
                .thenThrow(new IllegalStateException("on purpose"));
        runner.withUserConfiguration(FiveSubscriptions.class)
                .withBean(EventSubscriptions.class, () -> subscriptions)
                .withPropertyValues("spring.datasource.url=" + database.url())
                .run(context -> assertThat(context).hasFailed());

        Mockito.verify(first).close();
    }

    static class NotStartedHere {
        @SynckitListener(subscription = "s", autoStartup = "false")
        void on(StoredEvent event) {}
    }

    @Test
    void instanceWithoutConsumersNeedsNoListener() {
        runner.withUserConfiguration(NotStartedHere.class)
                .withPropertyValues(
                        "spring.datasource.url=" + database.url(), "synckit.postgres.listener.enabled=false")
                .run(context -> assertThat(context).hasNotFailed());
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
