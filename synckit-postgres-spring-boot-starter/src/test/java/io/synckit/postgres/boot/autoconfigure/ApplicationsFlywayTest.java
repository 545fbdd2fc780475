package io.synckit.postgres.boot.autoconfigure;

import static org.assertj.core.api.Assertions.assertThat;

import io.synckit.Event;
import io.synckit.EventStore;
import io.synckit.Version;
import io.synckit.postgres.boot.autoconfigure.orders.Order;
import io.synckit.postgres.testing.TestDatabase;
import io.synckit.postgres.testing.TestPostgres;
import jakarta.persistence.EntityManager;
import java.util.ArrayList;
import java.util.List;
import org.flywaydb.core.Flyway;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.boot.hibernate.autoconfigure.HibernateJpaAutoConfiguration;
import org.springframework.boot.persistence.autoconfigure.EntityScan;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Configuration;

/** An application with migrations of its own and the starter: both migrate, in either order of tables, and restart. */
class ApplicationsFlywayTest {

    private TestDatabase database;

    @BeforeEach
    void open() {
        database = TestPostgres.shared().emptyDatabase();
    }

    @AfterEach
    void close() {
        database.close();
    }

    private ConfigurableApplicationContext start(Class<?> application, String... properties) {
        List<String> all = new ArrayList<>(List.of(properties));
        all.add("spring.datasource.url=" + database.url());
        all.add("spring.datasource.hikari.maximum-pool-size=2");
        all.add("spring.flyway.locations=classpath:db/app");
        all.add("spring.jpa.hibernate.ddl-auto=validate");
        all.add("spring.data.jpa.repositories.enabled=false");
        all.add("spring.main.banner-mode=off");
        return new SpringApplicationBuilder(application)
                .web(WebApplicationType.NONE)
                .properties(all.toArray(new String[0]))
                .run();
    }

    private void startTwice(Class<?> application, String... properties) {
        for (int start = 1; start <= 2; start++) {
            try (ConfigurableApplicationContext context = start(application, properties)) {
                assertThat(context.getBeansOfType(Flyway.class)).hasSize(1);
                EventStore store = context.getBean(EventStore.class);
                store.store(Event.of("a", "T", start));
                assertThat(store.load(Version.ZERO)).hasSize(start);
            }
        }
    }

    @Test
    void withoutJpa() {
        startTwice(JdbcApplication.class);
        assertThat(database.query("select count(*) from public.flyway_schema_history where version = '1'"))
                .isEqualTo("1");
        assertThat(database.query("select count(*) from synckit.events_schema_history where version = '1'"))
                .isEqualTo("1");
    }

    @Test
    void withJpaThatValidatesTheSchema() {
        startTwice(JpaApplication.class);
    }

    @Test
    void inTheApplicationsOwnSchema() {
        startTwice(JpaApplication.class, "synckit.postgres.schema=public");
        assertThat(database.query("select to_regclass('public.events') is not null"))
                .isEqualTo("t");
    }

    @Test
    void withAnotherSearchPath() {
        database.execute("create schema app", "alter database " + database.name() + " set search_path = app");
        startTwice(JpaApplication.class, "spring.flyway.default-schema=app");
        assertThat(database.query("select to_regclass('app.orders') is not null"))
                .isEqualTo("t");
    }

    /** The starter was there first; the application gets migrations later. */
    @Test
    void tablesOfTheStoreFirst() {
        try (ConfigurableApplicationContext context = start(JdbcApplication.class, "spring.flyway.enabled=false")) {
            context.getBean(EventStore.class).store(Event.of("b", "T", 0));
        }
        try (ConfigurableApplicationContext context = start(JpaApplication.class)) {
            assertThat(context.getBean(EventStore.class).load(Version.ZERO)).hasSize(1);
            assertThat(context.getBean(EntityManager.class)
                            .createQuery("from orders", Order.class)
                            .getResultList())
                    .isEmpty();
        }
    }

    /** The application's tables were there first. */
    @Test
    void tablesOfTheApplicationFirst() {
        try (ConfigurableApplicationContext context = start(JpaApplication.class, "synckit.postgres.enabled=false")) {
            assertThat(context.getBeansOfType(EventStore.class)).isEmpty();
        }
        startTwice(JpaApplication.class);
    }

    @Configuration(proxyBeanMethods = false)
    @EnableAutoConfiguration(exclude = HibernateJpaAutoConfiguration.class)
    static class JdbcApplication {}

    @Configuration(proxyBeanMethods = false)
    @EnableAutoConfiguration
    @EntityScan(basePackageClasses = Order.class)
    static class JpaApplication {}
}
