package io.synckit.postgres.boot.autoconfigure;

import static org.assertj.core.api.Assertions.assertThat;

import io.synckit.Event;
import io.synckit.EventStore;
import io.synckit.EventType;
import io.synckit.EventTypes;
import io.synckit.EventUpcaster;
import io.synckit.InvalidConfigException;
import io.synckit.StoredEvent;
import io.synckit.Version;
import io.synckit.postgres.boot.SynckitListener;
import io.synckit.postgres.boot.SynckitListenerCustomizer;
import io.synckit.postgres.testing.Await;
import io.synckit.postgres.testing.Collector;
import io.synckit.postgres.testing.TestDatabase;
import io.synckit.postgres.testing.TestPostgres;
import io.synckit.subscription.DurableOptions;
import io.synckit.subscription.DurableOptions.Delivery;
import io.synckit.subscription.DurableOptions.OnExhausted;
import io.synckit.subscription.DurableSubscription;
import io.synckit.subscription.DurableSubscription.Outcome;
import io.synckit.subscription.EventContext;
import io.synckit.subscription.EventSubscriptions;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import javax.sql.DataSource;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.springframework.aop.support.AopUtils;
import org.springframework.boot.LazyInitializationBeanFactoryPostProcessor;
import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.diagnostics.FailureAnalysis;
import org.springframework.boot.jackson.autoconfigure.JacksonAutoConfiguration;
import org.springframework.boot.jdbc.autoconfigure.DataSourceAutoConfiguration;
import org.springframework.boot.jdbc.autoconfigure.DataSourceTransactionManagerAutoConfiguration;
import org.springframework.boot.jdbc.autoconfigure.JdbcTemplateAutoConfiguration;
import org.springframework.boot.test.context.assertj.AssertableApplicationContext;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import org.springframework.boot.transaction.autoconfigure.TransactionAutoConfiguration;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.core.annotation.AliasFor;
import org.springframework.jdbc.core.JdbcTemplate;
import org.springframework.jdbc.datasource.DataSourceTransactionManager;
import org.springframework.jdbc.datasource.DriverManagerDataSource;
import org.springframework.scheduling.annotation.Async;
import org.springframework.transaction.PlatformTransactionManager;
import org.springframework.transaction.annotation.Propagation;
import org.springframework.transaction.annotation.Transactional;
import org.springframework.transaction.support.TransactionTemplate;

/** Methods with {@link SynckitListener}. */
class SynckitListenerTest {

    private static final Duration LONG = Duration.ofMinutes(4);

    @RegisterExtension
    private final TestDatabase database = TestPostgres.shared().migratedDatabase();

    private final ApplicationContextRunner runner = applications();

    /** Applications with JDBC, the store, and a bean that receives what their handlers get. */
    static ApplicationContextRunner applications() {
        return new ApplicationContextRunner()
                .withConfiguration(AutoConfigurations.of(
                        DataSourceAutoConfiguration.class,
                        DataSourceTransactionManagerAutoConfiguration.class,
                        TransactionAutoConfiguration.class,
                        JdbcTemplateAutoConfiguration.class,
                        JacksonAutoConfiguration.class,
                        SynckitPostgresAutoConfiguration.class,
                        SynckitListenersAutoConfiguration.class))
                .withBean("received", Collector.class, Collector::new);
    }

    private void run(Class<?> configuration, Consumer<AssertableApplicationContext> test) {
        runner.withUserConfiguration(configuration)
                .withPropertyValues("spring.datasource.url=" + database.url(), "shop.subscription=from-property")
                .run(test::accept);
    }

    @SuppressWarnings("unchecked")
    private static Collector<Object> received(AssertableApplicationContext context) {
        return context.getBean("received", Collector.class);
    }

    private static DurableSubscription subscription(AssertableApplicationContext context, String name) {
        return context.getBean(EventSubscriptions.class).durable().stream()
                .filter(subscription -> subscription.name().equals(name))
                .findFirst()
                .orElseThrow();
    }

    private static Object next(AssertableApplicationContext context) {
        try {
            return received(context).next();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    private static Outcome await(DurableSubscription subscription, Version version) {
        try {
            return subscription.await(version, LONG);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    record OrderPlaced(String item, int quantity) {}

    @Configuration(proxyBeanMethods = false)
    static class ReadModel {

        private final JdbcTemplate jdbc;
        private int failures = 1;

        ReadModel(JdbcTemplate jdbc) {
            this.jdbc = jdbc;
            jdbc.execute("create table if not exists stock (item text primary key, quantity integer)");
        }

        @Transactional
        @SynckitListener(subscription = "stock", startFrom = SynckitListener.Start.BEGINNING, delay = "10ms")
        public void on(OrderPlaced order, EventContext context) {
            jdbc.update(
                    "insert into stock values (?, ?) on conflict (item) do update set quantity = stock.quantity + excluded.quantity",
                    order.item(),
                    order.quantity());
            if (order.item().equals("bad") && failures-- > 0) {
                throw new IllegalStateException("after the update");
            }
        }
    }

    /** The update of the first attempt is rolled back with it. */
    @Test
    void transactionalMethodTakesEffectExactlyOnce() {
        run(ReadModel.class, context -> {
            EventStore store = context.getBean(EventStore.class);
            store.store(Event.of("o-1", new OrderPlaced("good", 2)));
            store.store(Event.of("o-2", new OrderPlaced("bad", 3)));
            Version last =
                    store.store(Event.of("o-3", new OrderPlaced("good", 5))).version();

            DurableSubscription stock = subscription(context, "stock");
            assertThat(await(stock, last)).isEqualTo(Outcome.HANDLED);
            assertThat(stock.options().delivery()).isEqualTo(Delivery.EXACTLY_ONCE);
            assertThat(database.query("select string_agg(item || ' ' || quantity, ', ' order by item) from stock"))
                    .isEqualTo("bad 3, good 7");
            assertThat(stock.activity().get(0).counts().failed()).isPositive();
        });
    }

    @Configuration(proxyBeanMethods = false)
    static class Parameters {

        private final Collector<Object> received;

        Parameters(Collector<Object> received) {
            this.received = received;
        }

        @SynckitListener(subscription = "payload")
        void payload(EventContext context, OrderPlaced order, StoredEvent event) {
            received.add(List.of(order.item(), event.type(), context.subscription(), context.attempt()));
        }

        @SynckitListener(subscription = "${shop.subscription}", types = "Other", onExhausted = OnExhausted.SKIP)
        void named(StoredEvent event) {
            received.add("placeholder " + event.type());
        }

        @SynckitListener(
                subscription = "batches",
                types = {"A", "B"})
        void batches(List<StoredEvent> events) {
            events.forEach(event -> received.add("batch " + event.type()));
        }

        @SynckitListener(subscription = "first", types = "Twice")
        @SynckitListener(subscription = "#{'sec' + 'ond'}", types = "Twice")
        void twice(StoredEvent event, EventContext context) {
            received.add(context.subscription());
        }

        @Projection("composed")
        void composed(StoredEvent event) {
            received.add("composed " + event.type());
        }

        @SynckitListener(
                subscription = "keyed",
                types = "Keyed",
                partitions = 8,
                keyedBy = "event.metadata()['tenant']",
                autoStartup = "${shop.keyed:true}")
        void keyed(StoredEvent event, EventContext context) {
            received.add(context.partition());
        }
    }

    @Retention(RetentionPolicy.RUNTIME)
    @SynckitListener(subscription = "", types = "Composed", startFrom = SynckitListener.Start.BEGINNING)
    @interface Projection {

        @AliasFor(annotation = SynckitListener.class, attribute = "subscription")
        String value();
    }

    @Test
    void parametersAndAttributesAreResolved() {
        run(Parameters.class, context -> {
            EventStore store = context.getBean(EventStore.class);
            store.store(Event.of("a", new OrderPlaced("book", 1)));
            assertThat(next(context)).isEqualTo(List.of("book", "OrderPlaced", "payload", 1));
            store.store(Event.of("a", "Other", 1));
            assertThat(next(context)).isEqualTo("placeholder Other");
            assertThat(subscription(context, "from-property").options().onExhausted())
                    .isEqualTo(OnExhausted.SKIP);
            store.store(Event.of("a", "B", 1));
            assertThat(next(context)).isEqualTo("batch B");
            store.store(Event.of("a", "Twice", 1));
            assertThat(List.of(next(context), next(context))).containsExactlyInAnyOrder("first", "second");
            store.store(Event.of("a", "Composed", 1));
            assertThat(next(context)).isEqualTo("composed Composed");
            store.store(Event.of("a", "Keyed", 1).withMetadata("tenant", "order-1"));
            store.store(Event.of("b", "Keyed", 1).withMetadata("tenant", "order-1"));
            assertThat(next(context)).isEqualTo(next(context));
        });
    }

    sealed interface Payment {}

    @EventType("payment-made")
    record Made(int cents) implements Payment {}

    @EventType(value = "payment-failed", revision = 2)
    record Failed(String reason) implements Payment {}

    @Configuration(proxyBeanMethods = false)
    static class Payments {

        @Bean
        EventTypes types() {
            return EventTypes.of(List.of(Made.class, Failed.class));
        }

        @Bean
        EventUpcaster failedHasAReason() {
            return EventUpcaster.of("payment-failed", 1, json -> json.replace("\"why\"", "\"reason\""));
        }

        @Bean
        Object handler(Collector<Object> received) {
            return new Object() {
                @SynckitListener(subscription = "payments")
                void on(Payment payment) {
                    received.add(payment);
                }
            };
        }
    }

    @Test
    void interfaceReceivesItsClassesAndOldRevisionsAreUpcast() {
        run(Payments.class, context -> {
            EventStore store = context.getBean(EventStore.class);
            store.store(Event.of("p", new Made(5)));
            store.store(Event.of("p", "payment-failed", java.util.Map.of("why", "old form")));
            store.store(Event.of("p", "Unrelated", 1));
            store.store(Event.of("p", new Failed("new form")));

            assertThat(next(context)).isEqualTo(new Made(5));
            assertThat(next(context)).isEqualTo(new Failed("old form"));
            assertThat(next(context)).isEqualTo(new Failed("new form"));
            assertThat(store.load(Version.ZERO).events().get(3).metadata()).containsEntry("revision", 2);
        });
    }

    static class Base {
        @SynckitListener(subscription = "s")
        void on(StoredEvent event) {}
    }

    static class Duplicate {
        @SynckitListener(subscription = "s")
        void again(StoredEvent event) {}
    }

    static class WithoutEvent {
        @SynckitListener(subscription = "s")
        void on(EventContext context) {}
    }

    static class TwoPayloads {
        @SynckitListener(subscription = "s")
        void on(String first, Integer second) {}
    }

    static class UnknownInterface {
        @SynckitListener(subscription = "s")
        void on(Runnable payload) {}
    }

    static class OwnTransaction {
        @Transactional(propagation = Propagation.REQUIRES_NEW)
        @SynckitListener(subscription = "s")
        public void on(StoredEvent event) {}
    }

    static class Asynchronous {
        @Async
        @SynckitListener(subscription = "s")
        public void on(StoredEvent event) {}
    }

    static class TotalOrdering {
        @SynckitListener(subscription = "s", ordering = DurableOptions.Ordering.TOTAL, partitions = 2)
        void on(StoredEvent event) {}
    }

    static class InvalidOptions {
        @SynckitListener(subscription = "s", partitions = 0)
        void on(StoredEvent event) {}
    }

    @Import(Base.class)
    static class OtherManager {

        @Bean
        DataSourceTransactionManager otherManager() {
            return new DataSourceTransactionManager(new DriverManagerDataSource("jdbc:postgresql://localhost/other"));
        }

        @Transactional("otherManager")
        @SynckitListener(subscription = "t")
        public void on(StoredEvent event) {}
    }

    @Configuration(proxyBeanMethods = false)
    static class PrivateMethod {

        @Transactional
        @SynckitListener(subscription = "t")
        private void on(StoredEvent event) {}
    }

    @Configuration(proxyBeanMethods = false)
    static class FinalMethod {

        @Transactional
        @SynckitListener(subscription = "t", delivery = SynckitListener.Delivery.AT_LEAST_ONCE)
        public final void on(StoredEvent event) {}
    }

    private void assertFails(String message, Class<?>... configurations) {
        runner.withUserConfiguration(configurations)
                .withPropertyValues("spring.datasource.url=" + database.url())
                .run(context -> {
                    assertThat(context).hasFailed();
                    assertThat(context.getStartupFailure())
                            .isInstanceOf(InvalidConfigException.class)
                            .hasMessageContaining(message);
                    assertThat(new EventStoreFailureAnalyzer()
                                    .analyze(context.getStartupFailure())
                                    .getAction())
                            .contains("@SynckitListener");
                });
    }

    @Test
    void invalidMethodsFailTheStart() {
        assertFails("has the subscription 's'", Base.class, Duplicate.class);
        assertFails("no parameter for the event", WithoutEvent.class);
        assertFails("two parameters for the same", TwoPayloads.class);
        assertFails("of which no class with @EventType is in the packages of the application", UnknownInterface.class);
        assertFails("REQUIRES_NEW", OwnTransaction.class);
        assertFails("is @Async", Asynchronous.class);
        assertFails("partitions is 0", InvalidOptions.class);
        assertFails("another transaction manager", OtherManager.class);
        assertFails("private or final", PrivateMethod.class);
        assertFails("private or final", FinalMethod.class);
    }

    /** The options exclude each other, which is found when the subscription starts. */
    @Test
    void optionsOfTotalOrderingAreExplained() {
        runner.withUserConfiguration(TotalOrdering.class)
                .withPropertyValues("spring.datasource.url=" + database.url())
                .run(context -> {
                    FailureAnalysis analysis = new EventStoreFailureAnalyzer().analyze(context.getStartupFailure());

                    assertThat(analysis).isNotNull();
                    assertThat(analysis.getDescription()).contains("'s'", "needs one partition (there are 2)");
                    assertThat(analysis.getAction()).contains("@SynckitListener");
                });
    }

    @Test
    void disabledListenerFailsTheStartByName() {
        runner.withUserConfiguration(Base.class)
                .withPropertyValues(
                        "spring.datasource.url=" + database.url(), "synckit.postgres.listener.enabled=false")
                .run(context -> assertThat(context.getStartupFailure())
                        .isInstanceOf(InvalidConfigException.class)
                        .hasMessageContaining("listener.enabled"));
    }

    @Test
    void lazyBeansHandleEvents() {
        runner.withInitializer(context ->
                        context.addBeanFactoryPostProcessor(new LazyInitializationBeanFactoryPostProcessor()))
                .withUserConfiguration(Parameters.class)
                .withPropertyValues("spring.datasource.url=" + database.url(), "shop.subscription=from-property")
                .run(context -> {
                    context.getBean(EventStore.class).store(Event.of("a", "Other", 1));
                    assertThat(next(context)).isEqualTo("placeholder Other");
                });
    }

    @Test
    void subscriptionThatDoesNotStartAutomaticallyIsLeftOut() {
        runner.withUserConfiguration(Parameters.class)
                .withPropertyValues(
                        "spring.datasource.url=" + database.url(), "shop.subscription=p", "shop.keyed=false")
                .run(context -> assertThat(
                                context.getBean(EventSubscriptions.class).durable())
                        .extracting(DurableSubscription::name)
                        .contains("payload")
                        .doesNotContain("keyed"));
    }

    /** Spring 7 pauses the contexts of tests, which stops and starts their life cycle beans. */
    @Test
    void restartedContextContinuesAtTheCheckpoint() {
        run(Parameters.class, context -> {
            EventStore store = context.getBean(EventStore.class);
            store.store(Event.of("a", "Other", 1));
            next(context);
            context.getSourceApplicationContext().stop();
            store.store(Event.of("b", "Other", 2));
            assertThat(context.getBean(EventSubscriptions.class).durable()).isEmpty();
            context.getSourceApplicationContext().start();

            assertThat(next(context)).isEqualTo("placeholder Other");
            assertThat(received(context).rest()).isEmpty();
        });
    }

    @Configuration(proxyBeanMethods = false)
    static class Slow {

        final CountDownLatch handling = new CountDownLatch(1);
        final CountDownLatch goOn = new CountDownLatch(1);

        @SynckitListener(subscription = "slow")
        void on(StoredEvent event) throws InterruptedException {
            handling.countDown();
            goOn.await(4, TimeUnit.MINUTES);
        }
    }

    @Test
    void closingWaitsForTheHandlerAndStoresItsPosition() {
        CompletableFuture<Void> released = new CompletableFuture<>();
        run(Slow.class, context -> {
            Slow slow = context.getBean(Slow.class);
            context.getBean(EventStore.class).store(Event.of("a", "T", 1));
            awaitLatch(slow.handling);
            CompletableFuture.runAsync(() -> {
                Await.until(
                        () -> !context.getBean(SynckitListenerContainer.class).isAccepting());
                slow.goOn.countDown();
                released.complete(null);
            });
        });

        released.join();
        assertThat(database.query(
                        "select position || ' ' || coalesce(owner::text, 'free') from synckit.events_checkpoints"))
                .isEqualTo("1 free");
    }

    private static void awaitLatch(CountDownLatch latch) {
        try {
            assertThat(latch.await(4, TimeUnit.MINUTES)).isTrue();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"200ms", "abc"})
    void ownerTimeoutIsChecked(String value) {
        runner.withPropertyValues(
                        "spring.datasource.url=" + database.url(), "synckit.postgres.durable.owner-timeout=" + value)
                .run(context -> assertThat(context).hasFailed());
    }

    @Configuration(proxyBeanMethods = false)
    static class ProgrammaticSubscription {

        @Bean
        DurableSubscription audit(EventSubscriptions subscriptions, Collector<Object> received, DataSource dataSource) {
            assertThat(AopUtils.isAopProxy(dataSource)).isFalse();
            return subscriptions.durable(
                    io.synckit.subscription.DurableOptions.named("audit"),
                    (event, context) -> received.add(event.type()));
        }
    }

    @Test
    void subscriptionCanBeABean() {
        run(ProgrammaticSubscription.class, context -> {
            context.getBean(EventStore.class).store(Event.of("a", "T", 1));
            assertThat(next(context)).isEqualTo("T");
        });
    }

    /** A query service is often transactional. */
    @Test
    void subscriptionCanBeAwaitedInATransaction() {
        run(ReadModel.class, context -> {
            Version stored = context.getBean(EventStore.class)
                    .store(Event.of("a", new OrderPlaced("tea", 1)))
                    .version();
            TransactionTemplate transaction =
                    new TransactionTemplate(context.getBean(PlatformTransactionManager.class));

            DurableSubscription stock = subscription(context, "stock");
            assertThat(transaction.<Outcome>execute(status -> await(stock, stored)))
                    .isEqualTo(Outcome.HANDLED);
            assertThat(transaction.<Boolean>execute(status -> stock.requeue("a")))
                    .isFalse();
        });
    }

    @Configuration(proxyBeanMethods = false)
    static class Customized {

        @SynckitListener(subscription = "customized")
        void on(StoredEvent event) {
            throw new IllegalStateException("on purpose");
        }

        @Bean
        SynckitListenerCustomizer reportsParkedKeys(Collector<Object> received) {
            return options -> options.maxRetries(0).onParked(key -> received.add(key.key()));
        }
    }

    @Test
    void customizerChangesTheOptions() {
        run(Customized.class, context -> {
            context.getBean(EventStore.class).store(Event.of("a", "T", 1));

            assertThat(next(context)).isEqualTo("a");
        });
    }

    @Configuration(proxyBeanMethods = false)
    static class RenamingCustomizer {

        @SynckitListener(subscription = "customized")
        void on(StoredEvent event) {}

        @Bean
        SynckitListenerCustomizer renames() {
            return options -> DurableOptions.named("other");
        }
    }

    @Test
    void customizerMustNotChangeTheName() {
        assertFails("a SynckitListenerCustomizer has changed the name or the delivery", RenamingCustomizer.class);
    }
}
