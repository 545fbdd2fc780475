package io.synckit.test.slice;

import static org.assertj.core.api.Assertions.assertThat;

import io.synckit.Event;
import io.synckit.EventStore;
import io.synckit.Version;
import io.synckit.postgres.RealtimeEventStore;
import io.synckit.postgres.boot.SynckitDataSource;
import io.synckit.test.AutoConfigureSynckitTest;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.Optional;
import javax.sql.DataSource;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.test.context.SpringBootTest;
import org.springframework.boot.test.context.SpringBootTest.WebEnvironment;
import org.springframework.boot.test.context.TestConfiguration;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Import;
import org.springframework.core.annotation.AliasFor;
import org.springframework.jdbc.datasource.DriverManagerDataSource;
import org.springframework.transaction.PlatformTransactionManager;
import org.springframework.transaction.support.TransactionTemplate;

/** No setting of the application may lead a test to another database. Nothing answers at the configured addresses. */
class EmbeddedDatabaseTest {

    /** A test of the whole application, with these settings. */
    @Retention(RetentionPolicy.RUNTIME)
    @SpringBootTest(classes = SynckitTestTest.Application.class, webEnvironment = WebEnvironment.NONE)
    @AutoConfigureSynckitTest
    @interface Configured {

        @AliasFor(annotation = SpringBootTest.class, attribute = "properties")
        String[] value();
    }

    @Nested
    @Configured({
        "spring.datasource.url=jdbc:postgresql://localhost:1/application",
        "synckit.postgres.url=jdbc:postgresql://localhost:1/events",
        "synckit.postgres.username=events",
        "synckit.postgres.password=secret"
    })
    class WithASeparateDatabase {

        @Autowired
        private EventStore store;

        @Autowired
        private DataSource ofApplication;

        @Autowired
        @SynckitDataSource
        private DataSource ofStore;

        @Test
        void bothAreReplaced() throws SQLException {
            store.store(Event.of("a", "T", 1));

            assertThat(url(ofStore)).isEqualTo(url(ofApplication)).doesNotContain(":1/");
        }
    }

    @Nested
    @Configured({
        "synckit.postgres.url=jdbc:postgresql://localhost:1/events",
        "synckit.postgres.migration.url=jdbc:postgresql://localhost:1/events",
        "synckit.postgres.migration.username=owner",
        "synckit.postgres.migration.password=secret",
        "synckit.postgres.listener.url=jdbc:postgresql://localhost:1/events",
        "synckit.postgres.listener.required=true"
    })
    class WithConnectionsForMigrationAndListener {

        @Autowired
        private RealtimeEventStore store;

        @Test
        void allAreReplaced() {
            store.store(Event.of("a", "T", 1));

            assertThat(store.isListenerConnected()).isTrue();
        }
    }

    @Nested
    @Configured({
        "spring.datasource.url=jdbc:postgresql://localhost:1/application",
        "synckit.postgres.migration.username=owner",
        "synckit.postgres.migration.password=secret"
    })
    class WithARoleForTheMigration {

        @Autowired
        private EventStore store;

        @Test
        void roleIsReplaced() {
            assertThat(store.find("x")).isEqualTo(Optional.empty());
        }
    }

    /** It has one pool, which is the application's DataSource as well. */
    @Nested
    @Configured("synckit.postgres.url=jdbc:postgresql://localhost:1/events")
    class WithTheDatabaseOfTheStoreOnly {

        @Autowired
        private EventStore store;

        @Autowired
        private PlatformTransactionManager transactions;

        @Test
        void appendJoinsTheTransactionOfTheApplication() {
            new TransactionTemplate(transactions).executeWithoutResult(status -> {
                store.store(Event.of("a", "T", 1));
                status.setRollbackOnly();
            });

            assertThat(store.load(Version.ZERO).events()).isEmpty();
        }
    }

    @Nested
    @Configured("synckit.postgres.url=jdbc:postgresql://localhost:1/events")
    @Import(WithADataSourceOfTheTest.OwnDataSource.class)
    class WithADataSourceOfTheTest {

        @TestConfiguration(proxyBeanMethods = false)
        static class OwnDataSource {

            @Bean
            DataSource dataSource() {
                return new DriverManagerDataSource("jdbc:postgresql://localhost:1/application");
            }
        }

        @Autowired
        private EventStore store;

        @Autowired
        private DataSource ofTest;

        @Test
        void databaseOfTheStoreIsReplaced() {
            assertThat(ofTest).isInstanceOf(DriverManagerDataSource.class);
            store.store(Event.of("a", "T", 1));

            assertThat(store.load(Version.ZERO).events()).hasSize(1);
        }
    }

    private static String url(DataSource dataSource) throws SQLException {
        try (Connection connection = dataSource.getConnection()) {
            return connection.getMetaData().getURL();
        }
    }
}
