package io.synckit.postgres.boot.autoconfigure;

import static org.assertj.core.api.Assertions.assertThat;

import io.synckit.EventStore;
import io.synckit.postgres.boot.autoconfigure.business.BusinessRow;
import jakarta.persistence.EntityManager;
import org.junit.jupiter.api.Test;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.SpringBootConfiguration;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.data.jpa.test.autoconfigure.DataJpaTest;
import org.springframework.boot.persistence.autoconfigure.EntityScan;

/** A slice with H2, as Boot has it by default, starts without the event store. */
@DataJpaTest(properties = {"spring.flyway.enabled=false", "spring.jpa.hibernate.ddl-auto=create"})
class JpaSliceTest {

    @Autowired
    private EntityManager entities;

    @Autowired
    private ObjectProvider<EventStore> store;

    @Test
    void startsWithoutTheStore() {
        entities.persist(new BusinessRow("x"));
        entities.flush();
        assertThat(store.getIfAvailable()).isNull();
    }

    @SpringBootConfiguration
    @EnableAutoConfiguration
    @EntityScan(basePackageClasses = BusinessRow.class)
    static class Application {}
}
