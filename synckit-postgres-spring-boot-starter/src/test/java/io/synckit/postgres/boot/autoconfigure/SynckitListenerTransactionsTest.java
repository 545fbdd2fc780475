package io.synckit.postgres.boot.autoconfigure;

import static org.assertj.core.api.Assertions.assertThat;

import io.synckit.Event;
import io.synckit.EventStore;
import io.synckit.InvalidConfigException;
import io.synckit.postgres.Config;
import io.synckit.postgres.RealtimeEventStore;
import io.synckit.postgres.boot.SynckitDataSource;
import io.synckit.postgres.boot.SynckitListener;
import io.synckit.postgres.testing.Collector;
import io.synckit.postgres.testing.TestDatabase;
import io.synckit.postgres.testing.TestPostgres;
import javax.sql.DataSource;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.springframework.beans.factory.annotation.Qualifier;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.context.annotation.Primary;
import org.springframework.core.env.Environment;
import org.springframework.jdbc.datasource.DriverManagerDataSource;
import org.springframework.jdbc.support.JdbcTransactionManager;
import org.springframework.transaction.annotation.TransactionManagementConfigurer;
import org.springframework.transaction.annotation.Transactional;

/** The transaction managers that an exactly-once method can use. */
class SynckitListenerTransactionsTest {

    @RegisterExtension
    private final TestDatabase database = TestPostgres.shared().migratedDatabase();

    @RegisterExtension
    private final TestDatabase second = TestPostgres.shared().migratedDatabase();

    private final ApplicationContextRunner runner = SynckitListenerTest.applications();

    private ApplicationContextRunner application(Class<?> configuration) {
        return runner.withUserConfiguration(configuration)
                .withPropertyValues("spring.datasource.url=" + database.url(), "second.url=" + second.url());
    }

    private void assertReceives(Object expected, Class<?> configuration) {
        application(configuration).run(context -> {
            context.getBean(EventStore.class).store(Event.of("a", new OrderPlaced("tea")));

            assertThat(context.getBean("received", Collector.class).next()).isEqualTo(expected);
        });
    }

    private void assertFails(String message, Class<?> configuration) {
        application(configuration)
                .run(context -> assertThat(context.getStartupFailure())
                        .isInstanceOf(InvalidConfigException.class)
                        .hasMessageContaining(message));
    }

    record OrderPlaced(String item) {}

    static class Handler {

        private final Collector<Object> received;

        Handler(Collector<Object> received) {
            this.received = received;
        }

        @Transactional
        @SynckitListener(subscription = "s")
        public void on(OrderPlaced order) {
            received.add(order);
        }
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
    @Import(Handler.class)
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
    @Import(Handler.class)
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

    @Configuration(proxyBeanMethods = false)
    static class StoreAndOther {

        @Bean
        JdbcTransactionManager ofStore(DataSource dataSource) {
            return new JdbcTransactionManager(dataSource);
        }

        @Bean
        JdbcTransactionManager other(Environment environment) {
            return new JdbcTransactionManager(
                    new DriverManagerDataSource(environment.getRequiredProperty("second.url")));
        }
    }

    @Qualifier("other") @Import(StoreAndOther.class)
    static class OtherByClass extends Handler {

        OtherByClass(Collector<Object> received) {
            super(received);
        }
    }

    @Qualifier("ofStore") @Import(StoreAndOther.class)
    static class StoreByClass extends Handler {

        StoreByClass(Collector<Object> received) {
            super(received);
        }
    }

    @Configuration(proxyBeanMethods = false)
    @Import({StoreAndOther.class, Handler.class})
    static class OtherByConfigurer {

        @Bean
        TransactionManagementConfigurer configurer(@Qualifier("other") JdbcTransactionManager other) {
            return () -> other;
        }
    }

    @Import(StoreAndOther.class)
    static class StoreByPlaceholder {

        private final Collector<Object> received;

        StoreByPlaceholder(Collector<Object> received) {
            this.received = received;
        }

        @Transactional("${shop.manager:ofStore}")
        @SynckitListener(subscription = "s")
        public void on(OrderPlaced order) {
            received.add(order);
        }
    }

    /** As Spring chooses it: otherwise the checkpoint would be stored in one transaction, and the rows of the handler in another. */
    @Test
    void managerOfMethodIsTheOneThatSpringUses() {
        assertFails("with another transaction manager", OtherByClass.class);
        assertFails("with another transaction manager", OtherByConfigurer.class);
        assertReceives(new OrderPlaced("tea"), StoreByClass.class);
        assertReceives(new OrderPlaced("tea"), StoreByPlaceholder.class);
    }

    /** As Spring Boot's documentation configures a second DataSource. */
    static class SecondDataSource {

        private final Collector<Object> received;

        SecondDataSource(Collector<Object> received) {
            this.received = received;
        }

        @Bean(defaultCandidate = false)
        @SynckitDataSource
        @Qualifier("second") static DataSource secondDataSource(Environment environment) {
            return new DriverManagerDataSource(environment.getRequiredProperty("second.url"));
        }

        @Bean(defaultCandidate = false)
        @Qualifier("second") static JdbcTransactionManager secondManager(@Qualifier("second") DataSource dataSource) {
            return new JdbcTransactionManager(dataSource);
        }

        @Transactional("second")
        @SynckitListener(subscription = "s")
        public void on(OrderPlaced order) {
            received.add(order);
        }
    }

    @Test
    void managerOfSecondDataSourceIsFound() {
        assertReceives(new OrderPlaced("tea"), SecondDataSource.class);
    }
}
