package io.synckit.postgres.boot.actuate;

import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.observation.ObservationRegistry;
import io.micrometer.tracing.Tracer;
import io.synckit.Instrumentation;
import io.synckit.postgres.boot.EventHandlerConvention;
import io.synckit.postgres.boot.EventStoreOperationConvention;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.beans.factory.config.ConfigurableListableBeanFactory;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBooleanProperty;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnSingleCandidate;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.env.Environment;

/** Metrics and traces of operations and handlers, if Micrometer is present and the application has a registry. */
@AutoConfiguration(
        beforeName = "io.synckit.postgres.boot.autoconfigure.SynckitPostgresAutoConfiguration",
        afterName = {
            "org.springframework.boot.micrometer.metrics.autoconfigure.CompositeMeterRegistryAutoConfiguration",
            "org.springframework.boot.micrometer.observation.autoconfigure.ObservationAutoConfiguration",
            "org.springframework.boot.micrometer.tracing.opentelemetry.autoconfigure.OpenTelemetryTracingAutoConfiguration",
            "org.springframework.boot.micrometer.tracing.brave.autoconfigure.BraveAutoConfiguration"
        })
@ConditionalOnClass(MeterRegistry.class)
@ConditionalOnSingleCandidate(MeterRegistry.class)
@ConditionalOnBooleanProperty(name = "synckit.postgres.enabled", matchIfMissing = true)
@ConditionalOnBooleanProperty(name = "synckit.postgres.enable-metrics", matchIfMissing = true)
final class SynckitPostgresMetricsAutoConfiguration {

    @Bean
    @ConditionalOnMissingBean(name = "synckitObservability")
    Instrumentation synckitObservability(
            MeterRegistry meters,
            ObjectProvider<ObservationRegistry> observations,
            ObjectProvider<EventStoreOperationConvention> operations,
            ObjectProvider<EventHandlerConvention> handlers,
            ConfigurableListableBeanFactory beans,
            Environment environment) {
        OperationCounters counters = new OperationCounters(meters);
        ObservationRegistry registry = observations.getIfAvailable();
        EventStoreOperationConvention operation = operations.getIfAvailable();
        EventHandlerConvention handler = handlers.getIfAvailable();
        if (registry == null || operation == null && handler == null && !new Observers(beans, environment).any()) {
            return new TimedOperations(meters, counters);
        }
        return new ObservedOperations(
                registry,
                operation == null ? new EventStoreOperationConvention() {} : operation,
                handler == null ? new EventHandlerConvention() {} : handler,
                counters);
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
