package io.synckit.sample;

import static org.assertj.core.api.Assertions.assertThat;

import io.synckit.Event;
import io.synckit.EventStore;
import io.synckit.Version;
import io.zonky.test.db.postgres.embedded.EmbeddedPostgres;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.test.context.SpringBootTest;
import org.springframework.boot.test.context.TestConfiguration;
import org.springframework.boot.testcontainers.service.connection.ServiceConnection;
import org.springframework.context.ApplicationContext;
import org.springframework.context.annotation.Bean;
import org.testcontainers.DockerClientFactory;
import org.testcontainers.postgresql.PostgreSQLContainer;

/** Where Docker is: the application on a container through {@code @ServiceConnection}. */
@SpringBootTest(webEnvironment = SpringBootTest.WebEnvironment.NONE)
@EnabledIf("dockerIsThere")
class ContainerTest {

    static boolean dockerIsThere() {
        return DockerClientFactory.instance().isDockerAvailable();
    }

    @Autowired
    private EventStore store;

    @Autowired
    private ApplicationContext context;

    @Test
    void containerIsUsed() {
        store.store(Event.of("a", "T", 1));
        assertThat(store.load(Version.ZERO)).hasSize(1);
        assertThat(context.getBeansOfType(EmbeddedPostgres.class)).isEmpty();
    }

    @TestConfiguration(proxyBeanMethods = false)
    static class Container {

        @Bean
        @ServiceConnection
        PostgreSQLContainer postgres() {
            return new PostgreSQLContainer("postgres:18");
        }
    }
}
