package io.synckit.postgres.boot.autoconfigure;

import static org.assertj.core.api.Assertions.assertThat;

import io.synckit.Event;
import io.synckit.EventStore;
import io.synckit.Version;
import io.synckit.postgres.RealtimeEventStore;
import io.synckit.postgres.notification.NotificationListener;
import io.synckit.postgres.testing.Await;
import io.synckit.postgres.testing.TestDatabase;
import io.synckit.postgres.testing.TestPostgres;
import io.synckit.subscription.LiveOptions;
import io.synckit.subscription.LiveSubscription;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.springframework.beans.factory.DisposableBean;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.boot.flyway.autoconfigure.FlywayAutoConfiguration;
import org.springframework.boot.hibernate.autoconfigure.HibernateJpaAutoConfiguration;
import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/** An application that is stopped while a handler runs and events wait. */
@ExtendWith(OutputCaptureExtension.class)
class ShutdownTest {

    private TestDatabase database;

    @BeforeEach
    void open() {
        database = TestPostgres.shared().emptyDatabase();
    }

    @AfterEach
    void close() {
        database.close();
    }

    private ConfigurableApplicationContext start(String... properties) {
        return new SpringApplicationBuilder(Application.class)
                .web(WebApplicationType.NONE)
                .properties(
                        "spring.datasource.url=" + database.url(),
                        "spring.lifecycle.timeout-per-shutdown-phase=60s",
                        "spring.data.jpa.repositories.enabled=false",
                        "spring.main.banner-mode=off")
                .properties(properties)
                .run();
    }

    /** With virtual threads, no executor joins the threads of handlers. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void beansAreDestroyedAfterTheHandlerHasEnded(boolean virtualThreads, CapturedOutput output) throws Exception {
        ConfigurableApplicationContext context = start("spring.threads.virtual.enabled=" + virtualThreads);
        Projection projection = context.getBean(Projection.class);
        EventStore store = context.getBean(EventStore.class);
        IntStream.range(0, 200).forEach(i -> store.store(Event.of("a", "T", i)));
        assertThat(projection.begun.await(60, TimeUnit.SECONDS)).isTrue();
        NotificationListener listener =
                context.getBean(RealtimeEventStore.class).listener();
        Await.until(() -> listener.reader().orElseThrow().position().equals(Version.of(200)));

        CompletableFuture<Void> closing = CompletableFuture.runAsync(context::close, inThread());
        Await.until(() -> !listener.isConnected());
        assertThat(closing).isNotDone();
        projection.release.countDown();
        closing.get(60, TimeUnit.SECONDS);

        assertThat(projection.handled).hasValue(1);
        assertThat(projection.log).containsExactly("handled", "destroyed");
        assertThat(output)
                .contains("199 events were not delivered; subscriptions can resume: 'test' after version 1 (199)");
    }

    private static Executor inThread() {
        return work -> new Thread(work, "closing").start();
    }

    @Test
    void shutdownPhaseLimitsTheWait() throws Exception {
        ConfigurableApplicationContext context = start("spring.lifecycle.timeout-per-shutdown-phase=1s");
        Projection projection = context.getBean(Projection.class);
        context.getBean(EventStore.class).store(Event.of("a", "T", 1));
        assertThat(projection.begun.await(60, TimeUnit.SECONDS)).isTrue();

        CompletableFuture<Void> closing = CompletableFuture.runAsync(context::close, inThread());

        Await.until(() -> projection.log.contains("destroyed"));
        projection.release.countDown();
        closing.get(60, TimeUnit.SECONDS);
    }

    /** A bean that nothing else needs would never be made. */
    @Test
    void subscriptionsAreNotLazy() throws Exception {
        try (ConfigurableApplicationContext context = start("spring.main.lazy-initialization=true")) {
            context.getBean(EventStore.class).store(Event.of("a", "T", 1));
            Projection projection = context.getBean(Projection.class);
            assertThat(projection.begun.await(60, TimeUnit.SECONDS)).isTrue();
            projection.release.countDown();
        }
    }

    /** Holds its first event until it is released. */
    static class Projection implements DisposableBean {

        private final CountDownLatch begun = new CountDownLatch(1);
        private final CountDownLatch release = new CountDownLatch(1);
        private final AtomicInteger handled = new AtomicInteger();
        private final Queue<String> log = new ConcurrentLinkedQueue<>();

        void handle() throws InterruptedException {
            begun.countDown();
            release.await();
            handled.incrementAndGet();
            log.add("handled");
        }

        @Override
        public void destroy() {
            log.add("destroyed");
        }
    }

    @Configuration(proxyBeanMethods = false)
    @EnableAutoConfiguration(exclude = {FlywayAutoConfiguration.class, HibernateJpaAutoConfiguration.class})
    static class Application {

        @Bean
        Projection projection() {
            return new Projection();
        }

        @Bean(destroyMethod = "")
        LiveSubscription subscription(RealtimeEventStore store, Projection projection) {
            return store.subscriptions().live(LiveOptions.named("test"), event -> projection.handle());
        }
    }
}
