package io.synckit.postgres.boot.autoconfigure;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import io.synckit.DuplicateEventException;
import io.synckit.Event;
import io.synckit.EventStore;
import io.synckit.EventStoreException;
import io.synckit.StoredEvent;
import io.synckit.UnusableTransactionException;
import io.synckit.Version;
import io.synckit.postgres.boot.autoconfigure.business.BusinessRow;
import io.synckit.postgres.testing.Await;
import io.synckit.postgres.testing.CallersTransaction;
import io.synckit.postgres.testing.TestDatabase;
import io.synckit.postgres.testing.TestPostgres;
import jakarta.persistence.EntityManager;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.slf4j.LoggerFactory;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.boot.flyway.autoconfigure.FlywayAutoConfiguration;
import org.springframework.boot.hibernate.autoconfigure.HibernateJpaAutoConfiguration;
import org.springframework.boot.persistence.autoconfigure.EntityScan;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Profile;
import org.springframework.jdbc.core.JdbcTemplate;
import org.springframework.jdbc.datasource.DataSourceTransactionManager;
import org.springframework.jdbc.datasource.TransactionAwareDataSourceProxy;
import org.springframework.transaction.PlatformTransactionManager;
import org.springframework.transaction.TransactionDefinition;
import org.springframework.transaction.support.AbstractPlatformTransactionManager;
import org.springframework.transaction.support.DefaultTransactionStatus;
import org.springframework.transaction.support.TransactionSynchronization;
import org.springframework.transaction.support.TransactionSynchronizationManager;
import org.springframework.transaction.support.TransactionTemplate;

/** Appends join the caller's Spring transaction, whichever manager and DataSource there is. */
class SpringTransactionsTest {

    /** Ways in which applications have it. */
    enum Setup {
        JDBC,
        JDBC_WITHOUT_AUTO_COMMIT,
        JDBC_LAZY,
        JDBC_BEHIND_A_TRANSACTION_AWARE_PROXY,
        JPA
    }

    /** One application for each setup, since starting one takes longer than the tests. */
    private static final Map<Setup, Application> APPLICATIONS = new EnumMap<>(Setup.class);

    private record Application(TestDatabase database, ConfigurableApplicationContext context) {}

    private TestDatabase database;
    private ConfigurableApplicationContext context;

    @AfterAll
    static void close() {
        APPLICATIONS.values().forEach(application -> {
            application.context().close();
            application.database().close();
        });
        APPLICATIONS.clear();
    }

    private EventStore store() {
        return context.getBean(EventStore.class);
    }

    /** Chooses the application and empties its tables. */
    private void start(Setup setup) {
        Application application = APPLICATIONS.computeIfAbsent(setup, SpringTransactionsTest::started);
        database = application.database();
        context = application.context();
        database.execute(
                "truncate business_row",
                "begin; set local synckit.maintenance = 'on'; truncate synckit.events; commit");
    }

    private static Application started(Setup setup) {
        TestDatabase database = TestPostgres.shared().migratedDatabase();
        database.execute("create table business_row (id text primary key check (length(id) < 50))");
        return new Application(
                database,
                new SpringApplicationBuilder(setup == Setup.JPA ? JpaApplication.class : JdbcApplication.class)
                        .web(WebApplicationType.NONE)
                        .profiles(setup.name())
                        .properties(
                                "spring.datasource.url=" + database.url(),
                                "spring.datasource.hikari.maximum-pool-size=3",
                                "spring.datasource.hikari.auto-commit=" + (setup != Setup.JDBC_WITHOUT_AUTO_COMMIT),
                                "spring.datasource.connection-fetch=" + (setup == Setup.JDBC_LAZY ? "lazy" : "eager"),
                                "spring.data.jpa.repositories.enabled=false",
                                "spring.main.banner-mode=off")
                        .run());
    }

    private TransactionTemplate transaction() {
        return new TransactionTemplate(context.getBean(PlatformTransactionManager.class));
    }

    private void insertBusinessRow(Setup setup, String id) {
        if (setup == Setup.JPA) {
            context.getBean(EntityManager.class).persist(new BusinessRow(id));
            context.getBean(EntityManager.class).flush();
        } else {
            context.getBean(JdbcTemplate.class).update("insert into business_row values (?)", id);
        }
    }

    private String businessRows() {
        return database.query("select count(*) from business_row");
    }

    private List<Object> stored() {
        return store().load(Version.ZERO).events().stream()
                .map(StoredEvent::data)
                .toList();
    }

    @ParameterizedTest
    @EnumSource
    void storeAsyncIsForOutsideOfTransactions(Setup setup) {
        start(setup);
        transaction()
                .executeWithoutResult(status -> assertThatExceptionOfType(UnusableTransactionException.class)
                        .isThrownBy(() -> store().storeAsync(Event.of("a", "T", "never"))));
        store().storeAsync(Event.of("a", "T", 1)).join();

        assertThat(stored()).containsExactly(1);
    }

    @ParameterizedTest
    @EnumSource
    void eventAndRowShareOneFate(Setup setup) {
        start(setup);
        transaction().executeWithoutResult(status -> {
            // The event first: the store must not take the connection for its own.
            store().store(Event.of("a", "T", 1));
            insertBusinessRow(setup, "kept");
            store().storeBatch(List.of(Event.of("a", "T", 2), Event.of("b", "T", 3)));
        });
        transaction().executeWithoutResult(status -> {
            store().store(Event.of("a", "T", "gone"));
            insertBusinessRow(setup, "gone");
            store().storeBatch(List.of(Event.of("a", "T", "gone"), Event.of("b", "T", "gone")));
            status.setRollbackOnly();
        });

        assertThat(stored()).containsExactly(1, 2, 3);
        assertThat(businessRows()).isEqualTo("1");
    }

    @ParameterizedTest
    @EnumSource
    void exceptionRollsBackEventAndRow(Setup setup) {
        start(setup);
        assertThatExceptionOfType(IllegalStateException.class)
                .isThrownBy(() -> transaction().executeWithoutResult(status -> {
                    insertBusinessRow(setup, "gone");
                    store().store(Event.of("a", "T", "gone"));
                    throw new IllegalStateException("business says no");
                }));

        assertThat(stored()).isEmpty();
        assertThat(businessRows()).isEqualTo("0");
    }

    @ParameterizedTest
    @EnumSource
    void duplicateLeavesTheTransactionUsable(Setup setup) {
        start(setup);
        Event event = Event.of("a", "T", 1);
        store().store(event);
        transaction().executeWithoutResult(status -> {
            assertThatExceptionOfType(DuplicateEventException.class).isThrownBy(() -> store().store(event));
            assertThatExceptionOfType(DuplicateEventException.class)
                    .isThrownBy(() -> store().storeBatch(List.of(Event.of("a", "T", "no"), event)));
            insertBusinessRow(setup, "kept");
            store().store(Event.of("a", "T", 2));
        });

        assertThat(stored()).containsExactly(1, 2);
        assertThat(businessRows()).isEqualTo("1");
    }

    @ParameterizedTest
    @EnumSource
    void innerTransactionIsIndependent(Setup setup) {
        start(setup);
        transaction().executeWithoutResult(outer -> {
            store().store(Event.of("outer", "T", "gone"));
            TransactionTemplate inner = transaction();
            inner.setPropagationBehavior(TransactionDefinition.PROPAGATION_REQUIRES_NEW);
            inner.executeWithoutResult(status -> store().store(Event.of("inner", "T", "kept")));
            outer.setRollbackOnly();
        });

        assertThat(stored()).containsExactly("kept");
    }

    @ParameterizedTest
    @EnumSource
    void outsideATransactionEveryCallIsOne(Setup setup) {
        start(setup);
        store().store(Event.of("a", "T", 1));
        store().storeBatch(List.of(Event.of("a", "T", 2), Event.of("a", "T", 3)));
        try (Stream<StoredEvent> events = store().stream(Version.ZERO)) {
            assertThat(events.map(StoredEvent::data)).containsExactly(1, 2, 3);
        }
        assertThat(database.query("select count(*) from synckit.events")).isEqualTo("3");
        Await.until(
                database,
                "select count(*) from pg_stat_activity where datname = current_database()"
                        + " and state like 'idle in transaction%'",
                "0");
    }

    @ParameterizedTest
    @EnumSource
    void transactionOfAnotherResourceIsNotJoined(Setup setup) {
        start(setup);
        NoResource ofAnotherResource = new NoResource();
        // As if it were a bean.
        context.getBean(TransactionManagers.class).postProcessAfterInitialization(ofAnotherResource, "jms");
        TransactionTemplate elsewhere = new TransactionTemplate(ofAnotherResource);
        elsewhere.executeWithoutResult(status -> {
            if (setup == Setup.JDBC_WITHOUT_AUTO_COMMIT) {
                // Binds a connection whose transaction is never committed. The store must not use it.
                context.getBean(JdbcTemplate.class).queryForList("select 1");
            } else {
                // Binds a connection for the time of that transaction; its own work commits at once, and so does the
                // store's.
                context.getBean(JdbcTemplate.class).update("insert into business_row values ('bound')");
                try (Stream<StoredEvent> events = store().stream(Version.ZERO)) {
                    assertThat(events).isEmpty();
                }
                assertThat(businessRows()).isEqualTo("1");
            }
            store().store(Event.of("a", "T", 1));
            store().storeBatch(List.of(Event.of("a", "T", 2), Event.of("a", "T", 3)));
            status.setRollbackOnly();
        });

        assertThat(stored()).containsExactly(1, 2, 3);
    }

    /** A connection is bound to the thread, but its transaction is over. */
    @ParameterizedTest
    @EnumSource
    void withoutATransactionABoundConnectionIsNotJoined(Setup setup) {
        start(setup);
        for (int propagation : new int[] {
            TransactionDefinition.PROPAGATION_SUPPORTS,
            TransactionDefinition.PROPAGATION_NOT_SUPPORTED,
            TransactionDefinition.PROPAGATION_NEVER
        }) {
            TransactionTemplate none = transaction();
            none.setPropagationBehavior(propagation);
            none.executeWithoutResult(status -> {
                context.getBean(JdbcTemplate.class).queryForList("select 1");
                store().store(Event.of("a", "T", propagation));
                store().storeBatch(List.of(Event.of("b", "T", propagation), Event.of("b", "T", propagation)));
                try (Stream<StoredEvent> events = store().stream(Version.ZERO)) {
                    // While a stream is read, others use the connection that is bound.
                    events.forEach(event -> store().find(event.id()));
                    context.getBean(JdbcTemplate.class).queryForList("select 1");
                }
            });
        }
        assertThat(stored()).hasSize(9);
    }

    /** As {@code @TransactionalEventListener} after the commit: the connection is still bound, its transaction is over. */
    @ParameterizedTest
    @EnumSource
    void eventStoredAfterCommitIsCommitted(Setup setup) {
        start(setup);
        for (boolean commit : new boolean[] {true, false}) {
            transaction().executeWithoutResult(status -> {
                insertBusinessRow(setup, "row " + commit);
                TransactionSynchronizationManager.registerSynchronization(new TransactionSynchronization() {
                    @Override
                    public void afterCompletion(int outcome) {
                        store().store(Event.of("a", "T", commit));
                        store().storeBatch(List.of(Event.of("b", "T", commit), Event.of("b", "T", commit)));
                    }
                });
                if (!commit) {
                    status.setRollbackOnly();
                }
            });
        }
        assertThat(stored()).containsExactly(true, true, true, false, false, false);
    }

    /** In afterCommit the transaction still counts as active, but its commit is over. */
    @ParameterizedTest
    @EnumSource
    void storeInAfterCommitCommits(Setup setup) {
        start(setup);
        for (boolean storedBefore : new boolean[] {true, false}) {
            transaction().executeWithoutResult(status -> {
                if (storedBefore) {
                    store().store(Event.of("a", "T", "before"));
                } else {
                    insertBusinessRow(setup, "row");
                }
                TransactionSynchronizationManager.registerSynchronization(new TransactionSynchronization() {
                    @Override
                    public void beforeCommit(boolean readOnly) {
                        store().store(Event.of("a", "T", "beforeCommit"));
                    }

                    @Override
                    public void afterCommit() {
                        store().store(Event.of("a", "T", "afterCommit"));
                        store().storeBatch(
                                        List.of(Event.of("b", "T", "afterCommit"), Event.of("b", "T", "afterCommit")));
                        TransactionTemplate inner = transaction();
                        inner.setPropagationBehavior(TransactionDefinition.PROPAGATION_REQUIRES_NEW);
                        inner.executeWithoutResult(rolledBack -> {
                            store().store(Event.of("a", "T", "inner, rolled back"));
                            rolledBack.setRollbackOnly();
                        });
                    }
                });
            });
        }
        assertThat(stored())
                .containsExactly(
                        "before",
                        "beforeCommit",
                        "afterCommit",
                        "afterCommit",
                        "afterCommit",
                        "beforeCommit",
                        "afterCommit",
                        "afterCommit",
                        "afterCommit");
    }

    /** The transaction is over in afterCommit, also for transactions that begin there. */
    @ParameterizedTest
    @EnumSource
    void transactionsThatBeginInAfterCommitDoNotHideTheCommit(Setup setup) {
        start(setup);
        NoResource ofAnotherResource = new NoResource();
        context.getBean(TransactionManagers.class).postProcessAfterInitialization(ofAnotherResource, "kafka");
        transaction().executeWithoutResult(status -> {
            insertBusinessRow(setup, "row");
            TransactionSynchronizationManager.registerSynchronization(new TransactionSynchronization() {
                @Override
                public void afterCommit() {
                    new TransactionTemplate(ofAnotherResource)
                            .executeWithoutResult(inner -> store().store(Event.of("a", "T", "in Kafka's")));
                    if (setup != Setup.JPA) {
                        TransactionTemplate nested = transaction();
                        nested.setPropagationBehavior(TransactionDefinition.PROPAGATION_NESTED);
                        nested.executeWithoutResult(inner -> store().store(Event.of("a", "T", "nested")));
                    }
                    store().store(Event.of("a", "T", "after"));
                }
            });
        });

        assertThat(stored())
                .containsExactlyElementsOf(
                        setup == Setup.JPA ? List.of("in Kafka's", "after") : List.of("in Kafka's", "nested", "after"));
    }

    /** The state of a transaction must not depend on the garbage collector. */
    @ParameterizedTest
    @EnumSource
    void transactionIsJoinedAfterAGarbageCollection(Setup setup) {
        start(setup);
        transaction().executeWithoutResult(status -> {
            insertBusinessRow(setup, "row");
            for (int i = 0; i < 3; i++) {
                System.gc();
                store().store(Event.of("a", "T", i));
            }
            status.setRollbackOnly();
        });

        assertThat(stored()).isEmpty();
        assertThat(businessRows()).isEqualTo("0");
    }

    /** JPA flushes during the commit. What a callback of an entity stores then belongs to the transaction. */
    @Test
    void storeDuringTheFlushOfTheCommitJoinsTheTransaction() {
        start(Setup.JPA);
        BusinessRow.onPersist(() -> store().store(Event.of("flushed", "T", "persisted")));
        try {
            transaction().executeWithoutResult(status -> {
                store().store(Event.of("flushed", "T", "before"));
                context.getBean(EntityManager.class).persist(new BusinessRow("committed"));
            });
            assertThatThrownBy(() -> transaction().executeWithoutResult(status -> {
                        context.getBean(EntityManager.class).persist(new BusinessRow("x".repeat(50)));
                    }))
                    .isInstanceOf(RuntimeException.class);
        } finally {
            BusinessRow.onPersist(() -> {});
        }

        assertThat(stored()).containsExactly("before", "persisted");
    }

    /** Another writer holds the aggregate for longer than the transaction may last. */
    @ParameterizedTest
    @EnumSource
    void transactionTimeoutEndsAWaitingAppend(Setup setup) throws Exception {
        start(setup);
        try (CallersTransaction busy = CallersTransaction.begin(database)) {
            busy.store().store(Event.of("a", "T", "busy"));
            TransactionTemplate limited = transaction();
            limited.setTimeout(1);

            assertThatExceptionOfType(EventStoreException.class)
                    .isThrownBy(() -> limited.executeWithoutResult(status -> store().store(Event.of("a", "T", "late"))))
                    .withMessageContaining("57014");
            busy.commit();
        }
        assertThat(stored()).containsExactly("busy");
    }

    @ParameterizedTest
    @EnumSource
    void transactionOfAnotherDataSourceIsWarnedOfOnce(Setup setup) {
        start(setup);
        Logger logger = (Logger) LoggerFactory.getLogger(SpringConnections.class);
        ListAppender<ILoggingEvent> appender = new ListAppender<>();
        appender.start();
        logger.addAppender(appender);
        try {
            transaction().executeWithoutResult(status -> store().store(Event.of("a", "T", 1)));
            assertThat(appender.list).isEmpty();
            for (int i = 0; i < 2; i++) {
                new TransactionTemplate(new NoResource())
                        .executeWithoutResult(status -> store().store(Event.of("a", "T", 2)));
            }
            assertThat(appender.list)
                    .singleElement()
                    .satisfies(event -> assertThat(event.getFormattedMessage()).contains("transaction.not-joined"));
        } finally {
            logger.detachAppender(appender);
        }
    }

    @ParameterizedTest
    @EnumSource
    void transactionReadsItsOwnEventsOfAnAggregate(Setup setup) {
        start(setup);
        transaction().executeWithoutResult(status -> {
            store().store(Event.of("a", "T", 1));
            assertThat(store().loadByAggregate("a", Version.ZERO)).hasSize(1);
            assertThat(store().load(Version.ZERO)).isEmpty();
            try (Stream<StoredEvent> events = store().streamByAggregate("a", Version.ZERO)) {
                assertThat(events).hasSize(1);
            }
        });
        assertThat(stored()).containsExactly(1);
    }

    /** Such as JMS or MongoDB: synchronisation, but no connection. */
    private static final class NoResource extends AbstractPlatformTransactionManager {

        private static final long serialVersionUID = 1;

        @Override
        protected Object doGetTransaction() {
            return new Object();
        }

        @Override
        protected void doBegin(Object transaction, TransactionDefinition definition) {}

        @Override
        protected void doCommit(DefaultTransactionStatus status) {}

        @Override
        protected void doRollback(DefaultTransactionStatus status) {}
    }

    @Configuration(proxyBeanMethods = false)
    @EnableAutoConfiguration(exclude = {FlywayAutoConfiguration.class, HibernateJpaAutoConfiguration.class})
    static class JdbcApplication {

        @Bean
        @Profile("JDBC_BEHIND_A_TRANSACTION_AWARE_PROXY")
        DataSource dataSource(org.springframework.core.env.Environment environment) {
            com.zaxxer.hikari.HikariDataSource pool = new com.zaxxer.hikari.HikariDataSource();
            pool.setJdbcUrl(environment.getRequiredProperty("spring.datasource.url"));
            pool.setMaximumPoolSize(3);
            return new TransactionAwareDataSourceProxy(pool);
        }

        @Bean
        @Profile("JDBC_BEHIND_A_TRANSACTION_AWARE_PROXY")
        PlatformTransactionManager transactionManager(DataSource dataSource) {
            return new DataSourceTransactionManager(dataSource);
        }
    }

    @Configuration(proxyBeanMethods = false)
    @EnableAutoConfiguration(exclude = FlywayAutoConfiguration.class)
    @EntityScan(basePackageClasses = BusinessRow.class)
    static class JpaApplication {}
}
