package io.synckit.test.slice;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.synckit.Event;
import io.synckit.EventStore;
import io.synckit.postgres.boot.SynckitListener;
import io.synckit.test.EventStoreScenario;
import io.synckit.test.SynckitTest;
import org.junit.jupiter.api.Test;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.context.ApplicationContext;
import org.springframework.context.annotation.Import;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.stereotype.Component;
import org.springframework.transaction.annotation.Transactional;

/** The slice has the store, and of the components only those that the test names. */
@SynckitTest(properties = {"shop.discount=5", "spring.datasource.url=jdbc:postgresql://localhost:1/replaced"})
@Import(SynckitTestTest.Sales.class)
class SynckitTestTest {

    record OrderPlaced(String item, int quantity) {}

    @SpringBootApplication
    static class Application {}

    @Component
    static class NotNamed {}

    @Component
    static class Sales {

        private final JdbcClient jdbc;

        Sales(JdbcClient jdbc) {
            this.jdbc = jdbc;
            jdbc.sql("create table if not exists sales (item text primary key, sold integer)")
                    .update();
        }

        @Transactional
        @SynckitListener(subscription = "sales")
        public void on(OrderPlaced order) {
            jdbc.sql("insert into sales values (?, ?)")
                    .params(order.item(), order.quantity())
                    .update();
        }
    }

    @Autowired
    private EventStore store;

    @Autowired
    private EventStoreScenario scenario;

    @Autowired
    private JdbcClient jdbc;

    @Autowired
    private ApplicationContext context;

    @Test
    void handlerIsTestedAgainstARealDatabase() throws Exception {
        scenario.when(() -> store.store(Event.of("order-1", new OrderPlaced("tea", 2))))
                .thenStored("OrderPlaced", new OrderPlaced("tea", 2))
                .awaitHandled("sales");

        assertThat(jdbc.sql("select sold from sales where item = 'tea'")
                        .query(Integer.class)
                        .single())
                .isEqualTo(2);
    }

    @Test
    void otherComponentsAreLeftOut() {
        assertThat(context.getBeanProvider(NotNamed.class).getIfAvailable()).isNull();
        assertThat(context.getEnvironment().getProperty("shop.discount")).isEqualTo("5");
    }

    @Test
    @Transactional
    void scenarioFailsInATransaction() {
        store.store(Event.of("order-3", new OrderPlaced("milk", 1)));

        assertThatThrownBy(() -> scenario.awaitHandled("sales")).hasMessageContaining("a transaction is active");
        assertThatThrownBy(scenario::thenNothingStored).hasMessageContaining("a transaction is active");
    }
}
