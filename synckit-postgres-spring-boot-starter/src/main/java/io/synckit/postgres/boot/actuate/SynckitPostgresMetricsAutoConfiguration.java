package io.synckit.postgres.boot.actuate;

import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.observation.DefaultMeterObservationHandler;
import io.micrometer.observation.ObservationRegistry;
import io.micrometer.tracing.Tracer;
import io.synckit.EventStore;
import io.synckit.postgres.boot.EventHandlerConvention;
import io.synckit.postgres.boot.EventStoreOperationConvention;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBooleanProperty;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/** Metrics and traces of operations and handlers, where Micrometer is and the application has a registry. */
@AutoConfiguration(
        beforeName = "io.synckit.postgres.boot.autoconfigure.SynckitPostgresAutoConfiguration",
        afterName = {
            "org.springframework.boot.micrometer.metrics.autoconfigure.CompositeMeterRegistryAutoConfiguration",
            "org.springframework.boot.micrometer.observation.autoconfigure.ObservationAutoConfiguration",
            "org.springframework.boot.micrometer.tracing.opentelemetry.autoconfigure.OpenTelemetryTracingAutoConfiguration",
            "org.springframework.boot.micrometer.tracing.brave.autoconfigure.BraveAutoConfiguration"
        })
@ConditionalOnClass(MeterRegistry.class)
@ConditionalOnBean(MeterRegistry.class)
@ConditionalOnMissingBean(EventStore.class)
@ConditionalOnBooleanProperty(name = "synckit.postgres.enabled", matchIfMissing = true)
@ConditionalOnBooleanProperty(name = "synckit.postgres.enable-metrics", matchIfMissing = true)
final class SynckitPostgresMetricsAutoConfiguration {

    @Bean
    @ConditionalOnMissingBean
    ObservedOperations synckitObservedOperations(
            MeterRegistry meters,
            ObjectProvider<ObservationRegistry> observations,
            ObjectProvider<EventStoreOperationConvention> operations,
            ObjectProvider<EventHandlerConvention> handlers) {
        return new ObservedOperations(
                observations.getIfAvailable(() -> timersOnly(meters)),
                operations.getIfAvailable(() -> new EventStoreOperationConvention() {}),
                handlers.getIfAvailable(() -> new EventHandlerConvention() {}),
                meters);
    }

    /** In an application without observations of its own. */
    private static ObservationRegistry timersOnly(MeterRegistry meters) {
        ObservationRegistry observations = ObservationRegistry.create();
        observations
                .observationConfig()
                .observationHandler(new DefaultMeterObservationHandler(
                        meters, DefaultMeterObservationHandler.IgnoredMeters.LONG_TASK_TIMER));
        return observations;
    }

    @Configuration(proxyBeanMethods = false)
    @ConditionalOnClass(Tracer.class)
    @ConditionalOnBean(Tracer.class)
    static class Tracing {

        @Bean
        @ConditionalOnMissingBean
        ReplayTracingHandler synckitReplayTracingHandler(Tracer tracer) {
            return new ReplayTracingHandler(tracer);
        }
    }
}
