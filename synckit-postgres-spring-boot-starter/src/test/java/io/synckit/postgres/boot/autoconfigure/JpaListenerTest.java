package io.synckit.postgres.boot.autoconfigure;

import static org.assertj.core.api.Assertions.assertThat;

import io.synckit.Event;
import io.synckit.EventStore;
import io.synckit.StoredEvent;
import io.synckit.Version;
import io.synckit.postgres.boot.SynckitListener;
import io.synckit.postgres.boot.autoconfigure.business.BusinessRow;
import io.synckit.postgres.testing.TestDatabase;
import io.synckit.postgres.testing.TestPostgres;
import io.synckit.subscription.DurableOptions.Delivery;
import io.synckit.subscription.DurableSubscription;
import io.synckit.subscription.DurableSubscription.Outcome;
import io.synckit.subscription.EventSubscriptions;
import jakarta.persistence.EntityManager;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.SpringBootConfiguration;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.persistence.autoconfigure.EntityScan;
import org.springframework.boot.test.context.SpringBootTest;
import org.springframework.context.annotation.Import;
import org.springframework.orm.jpa.JpaTransactionManager;
import org.springframework.test.annotation.DirtiesContext;
import org.springframework.test.context.DynamicPropertyRegistry;
import org.springframework.test.context.DynamicPropertySource;
import org.springframework.transaction.PlatformTransactionManager;
import org.springframework.transaction.annotation.Transactional;

/** A handler that persists entities: its flush at the commit and the checkpoint are one transaction. */
@SpringBootTest(properties = {"spring.flyway.enabled=false", "spring.jpa.hibernate.ddl-auto=create"})
@DirtiesContext
class JpaListenerTest {

    private static final TestDatabase DATABASE = TestPostgres.shared().emptyDatabase();

    @DynamicPropertySource
    static void database(DynamicPropertyRegistry registry) {
        registry.add("spring.datasource.url", DATABASE::url);
    }

    @AfterAll
    static void drop() {
        DATABASE.close();
    }

    @SpringBootConfiguration
    @EnableAutoConfiguration
    @EntityScan(basePackageClasses = BusinessRow.class)
    @Import(Rows.class)
    static class Application {}

    static class Rows {

        static final AtomicInteger FAILURES = new AtomicInteger(2);

        private final EntityManager entities;

        Rows(EntityManager entities) {
            this.entities = entities;
        }

        @Transactional
        @SynckitListener(subscription = "rows", delay = "10ms")
        public void on(StoredEvent event) {
            entities.persist(new BusinessRow(event.aggregateId()));
            if (event.type().equals("Fails") && FAILURES.getAndDecrement() > 0) {
                entities.flush();
                throw new IllegalStateException("after the flush");
            }
        }
    }

    @Autowired
    private EventStore events;

    @Autowired
    private EventSubscriptions subscriptions;

    @Autowired
    private PlatformTransactionManager manager;

    @Test
    void entitiesAndCheckpointCommitTogether() throws InterruptedException {
        assertThat(manager).isInstanceOf(JpaTransactionManager.class);
        DurableSubscription rows = subscriptions.durable().get(0);
        assertThat(rows.options().delivery()).isEqualTo(Delivery.EXACTLY_ONCE);
        events.store(Event.of("row-1", "Works", 1));
        Version last = events.store(Event.of("row-2", "Fails", 1)).version();

        assertThat(rows.await(last, Duration.ofMinutes(4))).isEqualTo(Outcome.HANDLED);

        assertThat(DATABASE.query("select count(*) from business_row")).isEqualTo("2");
        assertThat(Rows.FAILURES.get()).isNegative();
    }
}
