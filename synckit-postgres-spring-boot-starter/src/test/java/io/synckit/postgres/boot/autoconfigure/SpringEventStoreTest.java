package io.synckit.postgres.boot.autoconfigure;

import io.synckit.EventStore;
import io.synckit.postgres.testing.EventStoreContract;
import io.synckit.postgres.testing.TestDatabase;
import io.synckit.postgres.testing.TestPostgres;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.autoconfigure.ImportAutoConfiguration;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.boot.jackson.autoconfigure.JacksonAutoConfiguration;
import org.springframework.boot.jdbc.autoconfigure.DataSourceAutoConfiguration;
import org.springframework.context.ConfigurableApplicationContext;

/** The contract, for the store that the starter makes. */
class SpringEventStoreTest extends EventStoreContract {

    private TestDatabase database;
    private ConfigurableApplicationContext context;

    @BeforeEach
    void start() {
        database = TestPostgres.shared().migratedDatabase();
        context = new SpringApplicationBuilder(Application.class)
                .web(WebApplicationType.NONE)
                .properties(
                        "spring.datasource.url=" + database.url(),
                        "spring.datasource.hikari.maximum-pool-size=2",
                        "spring.main.banner-mode=off")
                .run();
    }

    @AfterEach
    void stop() {
        context.close();
        database.close();
    }

    @Override
    protected EventStore store() {
        return context.getBean(EventStore.class);
    }

    @ImportAutoConfiguration({
        DataSourceAutoConfiguration.class,
        JacksonAutoConfiguration.class,
        SynckitPostgresDataSourceAutoConfiguration.class,
        SynckitPostgresAutoConfiguration.class
    })
    static class Application {}
}
