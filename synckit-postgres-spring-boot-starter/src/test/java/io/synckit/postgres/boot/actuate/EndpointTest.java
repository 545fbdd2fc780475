package io.synckit.postgres.boot.actuate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.synckit.Event;
import io.synckit.Filter;
import io.synckit.StoredEvent;
import io.synckit.postgres.RealtimeEventStore;
import io.synckit.postgres.boot.actuate.SynckitEndpoint.Overview;
import io.synckit.postgres.testing.Await;
import io.synckit.postgres.testing.Collector;
import io.synckit.postgres.testing.TestDatabase;
import io.synckit.postgres.testing.TestPostgres;
import io.synckit.subscription.ListenerStatus.State;
import io.synckit.subscription.LiveOptions;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.springframework.boot.actuate.endpoint.InvalidEndpointRequestException;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;

/** The endpoint {@code synckit}; by HTTP, and secured, it is in the sample's tests. */
class EndpointTest {

    private TestDatabase database;
    private ApplicationContextRunner runner;
    private final Collector<StoredEvent> seen = new Collector<>();

    @BeforeEach
    void open() {
        database = TestPostgres.shared().migratedDatabase();
        runner = Applications.on(database);
    }

    @AfterEach
    void close() {
        database.close();
    }

    @Test
    void overviewHasStoreListenerAndSubscriptions() {
        runner.run(context -> {
            RealtimeEventStore store = context.getBean(RealtimeEventStore.class);
            Await.until(store::isListenerConnected);
            store.subscriptions().live(LiveOptions.named("test").filter(Filter.aggregateIds("a")), seen::add);
            store.store(Event.of("a", "T", 1));
            seen.next();
            Await.until(() -> store.listener().reader().orElseThrow().position().value() == 1);

            Overview overview = context.getBean(SynckitEndpoint.class).overview();

            assertThat(overview.store().failure()).isNull();
            assertThat(overview.store().stableVersion()).isEqualTo(1);
            assertThat(overview.store().latestEventAgeSeconds()).isNotNegative();
            assertThat(overview.store().tableBytes()).isPositive();
            assertThat(overview.listener().state()).isEqualTo(State.LISTENING);
            assertThat(overview.listener().reader().position()).isEqualTo(1);
            assertThat(overview.live().count()).isEqualTo(1);
            assertThat(overview.live().subscriptions().get(0).name()).isEqualTo("test");
        });
    }

    @Test
    void listenerCanBeStoppedStartedAndRestarted() {
        runner.run(context -> {
            RealtimeEventStore store = context.getBean(RealtimeEventStore.class);
            SynckitEndpoint endpoint = context.getBean(SynckitEndpoint.class);
            Await.until(store::isListenerConnected);
            Integer before = store.listener().status().backendPid();

            assertThat(endpoint.operate("listener", "stop").state()).isEqualTo(State.STOPPED);
            endpoint.operate("listener", "start");
            Await.until(store::isListenerConnected);
            endpoint.operate("listener", "restart");
            Await.until(store::isListenerConnected);

            assertThat(store.listener().status().backendPid()).isNotEqualTo(before);
        });
    }

    @Test
    void otherOperationsAreRejected() {
        runner.run(context -> {
            SynckitEndpoint endpoint = context.getBean(SynckitEndpoint.class);
            assertThatThrownBy(() -> endpoint.operate("listener", "drop"))
                    .isInstanceOf(InvalidEndpointRequestException.class)
                    .hasMessageContaining("drop");
            assertThatThrownBy(() -> endpoint.operate("store", "stop"))
                    .isInstanceOf(InvalidEndpointRequestException.class)
                    .hasMessageContaining("store");
        });
    }

    @Test
    void unresponsiveDatabaseLeavesTheOtherParts() {
        runner.run(context -> {
            Await.until(context.getBean(RealtimeEventStore.class)::isListenerConnected);
            database.execute("alter schema synckit rename to elsewhere");

            Overview overview = context.getBean(SynckitEndpoint.class).overview();

            assertThat(overview.store().failure()).contains("run the migrations");
            assertThat(overview.listener()).isNotNull();
        });
    }

    @Test
    void withoutAListenerThereIsTheStoreOnly() {
        runner.withPropertyValues("synckit.postgres.listener.enabled=false").run(context -> {
            Overview overview = context.getBean(SynckitEndpoint.class).overview();
            assertThat(overview.store().stableVersion()).isZero();
            assertThat(overview.listener()).isNull();
            assertThatThrownBy(() -> context.getBean(SynckitEndpoint.class).operate("listener", "start"))
                    .isInstanceOf(InvalidEndpointRequestException.class);
        });
    }

    @Test
    void endpointMustBeExposed() {
        runner.withPropertyValues("management.endpoints.web.exposure.include=health")
                .run(context -> assertThat(context).doesNotHaveBean(SynckitEndpoint.class));
    }
}
