package io.synckit.postgres.boot.autoconfigure;

import static org.assertj.core.api.Assertions.assertThat;

import io.synckit.Event;
import io.synckit.EventStore;
import io.synckit.Version;
import io.synckit.postgres.testing.TestDatabase;
import io.synckit.postgres.testing.TestPostgres;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Configuration;
import org.springframework.util.ClassUtils;

/** Runs by itself, with Boot's optional modules off the class path. */
@Tag("without-optional-modules")
class BareApplicationTest {

    @Test
    void startsAndStores() {
        for (String optional : List.of(
                "org.springframework.boot.flyway.autoconfigure.FlywayAutoConfiguration",
                "org.springframework.boot.jackson.autoconfigure.JacksonAutoConfiguration",
                "io.micrometer.core.instrument.MeterRegistry")) {
            assertThat(ClassUtils.isPresent(optional, null)).as(optional).isFalse();
        }
        try (TestDatabase database = TestPostgres.shared().emptyDatabase();
                ConfigurableApplicationContext context = new SpringApplicationBuilder(Application.class)
                        .web(WebApplicationType.NONE)
                        .properties(
                                "spring.datasource.url=" + database.url(),
                                "spring.jpa.hibernate.ddl-auto=none",
                                "spring.data.jpa.repositories.enabled=false",
                                "spring.main.banner-mode=off")
                        .run()) {
            EventStore store = context.getBean(EventStore.class);
            store.store(Event.of("a", "T", 1));
            assertThat(store.load(Version.ZERO)).hasSize(1);
        }
    }

    @Configuration(proxyBeanMethods = false)
    @EnableAutoConfiguration
    static class Application {}
}
