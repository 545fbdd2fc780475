package io.synckit.test;

import io.synckit.postgres.boot.AutoConfigureSynckit;
import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Inherited;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.junit.jupiter.api.extension.ExtendWith;
import org.springframework.boot.jdbc.test.autoconfigure.AutoConfigureJdbc;
import org.springframework.boot.test.autoconfigure.OverrideAutoConfiguration;
import org.springframework.boot.test.context.filter.annotation.TypeExcludeFilters;
import org.springframework.context.annotation.ComponentScan;
import org.springframework.test.context.BootstrapWith;
import org.springframework.test.context.junit.jupiter.SpringExtension;

/**
 * A test slice for handlers and other users of the event store: DataSource, transactions, {@code JdbcClient}, migration, store, listener and
 * durable subscriptions. It has no web server. It has the beans of the {@code @SpringBootApplication} class, but of the components only
 * those of {@code @Import} and {@link #includeFilters}.
 *
 * <p>The database is an embedded PostgreSQL by default ({@link AutoConfigureSynckitTest}). The test is not transactional,
 * because events of a transaction that is rolled back reach no handler.
 */
@Target(ElementType.TYPE)
@Retention(RetentionPolicy.RUNTIME)
@Documented
@Inherited
@BootstrapWith(SynckitTestContextBootstrapper.class)
@ExtendWith(SpringExtension.class)
@OverrideAutoConfiguration(enabled = false)
@TypeExcludeFilters(SynckitTypeExcludeFilter.class)
@AutoConfigureJdbc
@AutoConfigureSynckit
@AutoConfigureSynckitTest
public @interface SynckitTest {

    /** Properties of the environment, as {@code name=value}. */
    String[] properties() default {};

    /** Components of the application that the test includes, besides those of {@code @Import}. */
    ComponentScan.Filter[] includeFilters() default {};
}
