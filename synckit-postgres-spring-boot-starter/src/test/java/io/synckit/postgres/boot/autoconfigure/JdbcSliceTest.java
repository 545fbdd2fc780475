package io.synckit.postgres.boot.autoconfigure;

import static org.assertj.core.api.Assertions.assertThat;

import io.synckit.Event;
import io.synckit.EventStore;
import io.synckit.Version;
import io.synckit.postgres.boot.AutoConfigureSynckit;
import io.synckit.postgres.testing.TestDatabase;
import io.synckit.postgres.testing.TestPostgres;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.SpringBootConfiguration;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.jdbc.test.autoconfigure.JdbcTest;
import org.springframework.test.context.DynamicPropertyRegistry;
import org.springframework.test.context.DynamicPropertySource;

/** A slice has the event store and its schema when it asks for it. */
@AutoConfigureSynckit
@JdbcTest(properties = "spring.flyway.enabled=false")
class JdbcSliceTest {

    private static final TestDatabase DATABASE = TestPostgres.shared().emptyDatabase();

    @DynamicPropertySource
    static void database(DynamicPropertyRegistry registry) {
        registry.add("spring.datasource.url", DATABASE::url);
        registry.add("spring.test.database.replace", () -> "none");
    }

    @AfterAll
    static void drop() {
        DATABASE.close();
    }

    @Autowired
    private EventStore store;

    @Test
    void storesAndLoads() {
        store.store(Event.of("a", "T", 1));
        assertThat(store.loadByAggregate("a", Version.ZERO)).hasSize(1);
    }

    @SpringBootConfiguration
    @EnableAutoConfiguration
    static class Application {}
}
