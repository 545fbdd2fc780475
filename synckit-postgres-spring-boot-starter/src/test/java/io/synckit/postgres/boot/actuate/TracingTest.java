package io.synckit.postgres.boot.actuate;

import static org.assertj.core.api.Assertions.assertThat;

import io.micrometer.common.KeyValues;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.observation.Observation;
import io.micrometer.observation.ObservationRegistry;
import io.micrometer.tracing.Tracer;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.sdk.testing.exporter.InMemorySpanExporter;
import io.opentelemetry.sdk.trace.data.SpanData;
import io.opentelemetry.sdk.trace.export.SimpleSpanProcessor;
import io.synckit.Event;
import io.synckit.Filter;
import io.synckit.StoredEvent;
import io.synckit.Version;
import io.synckit.postgres.RealtimeEventStore;
import io.synckit.postgres.boot.EventHandlerConvention;
import io.synckit.postgres.boot.EventStoreOperationContext;
import io.synckit.postgres.boot.EventStoreOperationConvention;
import io.synckit.postgres.testing.Await;
import io.synckit.postgres.testing.Collector;
import io.synckit.postgres.testing.TestDatabase;
import io.synckit.postgres.testing.TestPostgres;
import io.synckit.subscription.LiveOptions;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.micrometer.tracing.autoconfigure.MicrometerTracingAutoConfiguration;
import org.springframework.boot.micrometer.tracing.opentelemetry.autoconfigure.OpenTelemetryTracingAutoConfiguration;
import org.springframework.boot.opentelemetry.autoconfigure.OpenTelemetrySdkAutoConfiguration;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import org.springframework.context.ApplicationContext;

/** Traces go through the log: with OpenTelemetry, as Spring Boot sets it up. */
class TracingTest {

    private TestDatabase database;
    private ApplicationContextRunner runner;
    private final InMemorySpanExporter spans = InMemorySpanExporter.create();
    private final Collector<StoredEvent> seen = new Collector<>();
    private final Collector<String> traceIds = new Collector<>();

    @BeforeEach
    void open() {
        database = TestPostgres.shared().migratedDatabase();
        runner = Applications.on(database)
                .withConfiguration(AutoConfigurations.of(
                        OpenTelemetrySdkAutoConfiguration.class,
                        MicrometerTracingAutoConfiguration.class,
                        OpenTelemetryTracingAutoConfiguration.class))
                .withBean(SimpleSpanProcessor.class, () -> (SimpleSpanProcessor) SimpleSpanProcessor.create(spans))
                .withPropertyValues("management.tracing.sampling.probability=1");
    }

    @AfterEach
    void close() {
        database.close();
    }

    private SpanData span(String name) {
        Await.until(() -> spans.getFinishedSpanItems().stream()
                .anyMatch(span -> span.getName().equals(name)));
        return spans.getFinishedSpanItems().stream()
                .filter(span -> span.getName().equals(name))
                .findFirst()
                .orElseThrow();
    }

    private static String currentTrace(ApplicationContext context) {
        return Objects.requireNonNull(context.getBean(Tracer.class).currentSpan())
                .context()
                .traceId();
    }

    private static void inARequest(ApplicationContext context, Runnable work) {
        Observation.createNotStarted("request", context.getBean(ObservationRegistry.class))
                .observe(work);
    }

    @Test
    void handlerContinuesTheTraceOfTheAppend() {
        runner.run(context -> {
            RealtimeEventStore store = context.getBean(RealtimeEventStore.class);
            store.subscriptions().live(LiveOptions.named("test"), event -> {
                traceIds.add(currentTrace(context));
                seen.add(event);
            });
            inARequest(context, () -> store.store(Event.of("a", "Placed", 1)));

            StoredEvent event = seen.next();
            SpanData request = span("request");
            SpanData append = span("store synckit.events");
            SpanData handle = span("handle Placed");
            assertThat(traceIds.next()).isEqualTo(request.getTraceId());
            assertThat(append.getParentSpanId()).isEqualTo(request.getSpanId());
            assertThat(append.getKind()).isEqualTo(SpanKind.PRODUCER);
            assertThat(handle.getTraceId()).isEqualTo(request.getTraceId());
            assertThat(handle.getParentSpanId()).isEqualTo(append.getSpanId());
            assertThat(handle.getKind()).isEqualTo(SpanKind.CONSUMER);
            assertThat(event.metadata())
                    .hasEntrySatisfying(
                            "traceparent",
                            value -> assertThat(value.toString())
                                    .matches("00-" + request.getTraceId() + "-" + append.getSpanId() + "-0[13]"));
        });
    }

    @Test
    void eventsStoredByAHandlerBelongToItsTrace() {
        runner.run(context -> {
            RealtimeEventStore store = context.getBean(RealtimeEventStore.class);
            store.subscriptions()
                    .live(
                            LiveOptions.named("test").filter(Filter.types("Placed")),
                            event -> store.store(Event.of("b", "Paid", 2)));
            store.subscriptions().live(LiveOptions.named("test").filter(Filter.types("Paid")), seen::add);
            inARequest(context, () -> store.store(Event.of("a", "Placed", 1)));

            seen.next();

            assertThat(span("handle Paid").getTraceId())
                    .isEqualTo(span("request").getTraceId());
        });
    }

    @Test
    void replayLinksToTheTraceOfTheAppend() {
        runner.run(context -> {
            RealtimeEventStore store = context.getBean(RealtimeEventStore.class);
            inARequest(context, () -> store.store(Event.of("a", "Placed", 1)));
            store.subscriptions().live(LiveOptions.named("test").from(Version.ZERO), event -> {
                traceIds.add(currentTrace(context));
                seen.add(event);
            });

            seen.next();

            SpanData append = span("store synckit.events");
            SpanData handle = span("handle Placed");
            assertThat(handle.getTraceId()).isNotEqualTo(append.getTraceId());
            assertThat(traceIds.next()).isEqualTo(handle.getTraceId());
            assertThat(handle.getParentSpanContext().isValid()).isFalse();
            assertThat(handle.getLinks()).singleElement().satisfies(link -> {
                assertThat(link.getSpanContext().getTraceId()).isEqualTo(append.getTraceId());
                assertThat(link.getSpanContext().getSpanId()).isEqualTo(append.getSpanId());
            });
        });
    }

    /** Whatever another program has put there. */
    @Test
    void invalidTraceparentIsIgnored() {
        runner.run(context -> {
            RealtimeEventStore store = context.getBean(RealtimeEventStore.class);
            store.subscriptions().live(LiveOptions.named("test"), seen::add);
            for (Object none : List.of(
                    "none",
                    17,
                    "00-xyz-1-01",
                    List.of("00"),
                    "",
                    "00-00000000000000000000000000000000-b7ad6b7169203331-01",
                    "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01")) {
                store.store(Event.of("a", "Placed", 1).withMetadata("traceparent", none));
            }
            seen.next(7);
            store.subscriptions().live(LiveOptions.named("test").from(Version.ZERO), seen::add);
            seen.next(7);

            Await.until(() -> spans.getFinishedSpanItems().stream()
                            .filter(span -> span.getName().equals("handle Placed"))
                            .count()
                    == 14);
            assertThat(spans.getFinishedSpanItems())
                    .allSatisfy(span -> assertThat(span.getLinks()).isEmpty());
        });
    }

    /** Legal in the database, and beyond what the JSON mapper reads. */
    @Test
    void metadataThatCannotBeReadCarriesNoTrace() {
        runner.run(context -> {
            RealtimeEventStore store = context.getBean(RealtimeEventStore.class);
            store.subscriptions().live(LiveOptions.named("test"), event -> {
                if (event.type().equals("Raw")) {
                    store.store(Event.of("b", "Next", 1));
                } else {
                    seen.add(event);
                }
            });
            database.execute("insert into synckit.events (id, aggregate_id, event_type, data, metadata) values"
                    + " ('raw', 'a', 'Raw', '1', '{\"n\":" + "1".repeat(1500) + "}')");

            assertThat(seen.next().metadata())
                    .containsEntry("causationId", "raw")
                    .containsEntry("correlationId", "raw");
        });
    }

    @Test
    void readIsASpanWithItsFailure() {
        runner.run(context -> {
            RealtimeEventStore store = context.getBean(RealtimeEventStore.class);
            inARequest(context, () -> store.load(Version.ZERO));

            assertThat(span("load synckit.events").getParentSpanId())
                    .isEqualTo(span("request").getSpanId());

            store.subscriptions().live(LiveOptions.named("test"), event -> {
                throw new IllegalStateException("no");
            });
            store.store(Event.of("a", "Placed", 1));
            assertThat(span("handle Placed").getEvents())
                    .anySatisfy(event -> assertThat(event.getName()).isEqualTo("exception"));
        });
    }

    @Test
    void conventionsCanBeReplaced() {
        runner.withBean(EventStoreOperationConvention.class, () -> new EventStoreOperationConvention() {
                    @Override
                    public String getContextualName(EventStoreOperationContext context) {
                        return "my " + context.operation().name();
                    }

                    @Override
                    public KeyValues getLowCardinalityKeyValues(EventStoreOperationContext context) {
                        return KeyValues.of("mine", "yes");
                    }
                })
                .withBean(EventHandlerConvention.class, () -> new EventHandlerConvention() {
                    @Override
                    public String getName() {
                        return "my.handlers";
                    }
                })
                .run(context -> {
                    RealtimeEventStore store = context.getBean(RealtimeEventStore.class);
                    store.subscriptions().live(LiveOptions.named("test"), seen::add);
                    store.store(Event.of("a", "Placed", 1));
                    seen.next();

                    assertThat(span("my store")).isNotNull();
                    MeterRegistry meters = context.getBean(MeterRegistry.class);
                    assertThat(meters.get("synckit.operations")
                                    .tags("mine", "yes")
                                    .timer()
                                    .count())
                            .isEqualTo(1);
                    Await.until(() -> meters.find("my.handlers").timer() != null);
                });
    }

    @Test
    void withoutTracingEventsCarryNothing() {
        Applications.on(database).run(context -> {
            RealtimeEventStore store = context.getBean(RealtimeEventStore.class);
            Event event = Event.of("a", "Placed", 1);
            store.store(event);

            assertThat(store.get(event.id()).metadata()).isEqualTo(Map.of());
        });
    }
}
