package io.synckit.postgres.boot.actuate;

import io.micrometer.core.instrument.MeterRegistry;
import org.springframework.boot.actuate.autoconfigure.endpoint.condition.ConditionalOnAvailableEndpoint;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBooleanProperty;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnSingleCandidate;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.boot.health.autoconfigure.contributor.ConditionalOnEnabledHealthIndicator;
import org.springframework.boot.health.contributor.HealthIndicator;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/** Gauges, health and the endpoint of the event store, each if the application has the modules for it. */
@AutoConfiguration(
        after = SynckitPostgresMonitorAutoConfiguration.class,
        afterName = "org.springframework.boot.micrometer.metrics.autoconfigure.CompositeMeterRegistryAutoConfiguration")
@ConditionalOnBean(StoreMonitor.class)
final class SynckitPostgresActuatorAutoConfiguration {

    @Configuration(proxyBeanMethods = false)
    @ConditionalOnClass(MeterRegistry.class)
    @ConditionalOnSingleCandidate(MeterRegistry.class)
    @ConditionalOnBooleanProperty(name = "synckit.postgres.enable-metrics", matchIfMissing = true)
    static class Metrics {

        @Bean
        @ConditionalOnMissingBean
        StoreMetrics synckitStoreMetrics(StoreMonitor monitor) {
            return new StoreMetrics(monitor);
        }
    }

    @Configuration(proxyBeanMethods = false)
    @ConditionalOnClass({HealthIndicator.class, ConditionalOnEnabledHealthIndicator.class})
    @ConditionalOnEnabledHealthIndicator("synckit")
    @EnableConfigurationProperties(SynckitHealthProperties.class)
    static class HealthCheck {

        @Bean
        @ConditionalOnMissingBean(name = {"synckitHealthIndicator", "synckitHealthContributor"})
        SynckitHealthIndicator synckitHealthContributor(StoreMonitor monitor, SynckitHealthProperties properties) {
            return new SynckitHealthIndicator(monitor, properties);
        }
    }

    @Configuration(proxyBeanMethods = false)
    @ConditionalOnClass(ConditionalOnAvailableEndpoint.class)
    @ConditionalOnAvailableEndpoint(SynckitEndpoint.class)
    static class ActuatorEndpoint {

        @Bean
        @ConditionalOnMissingBean
        SynckitEndpoint synckitEndpoint(StoreMonitor monitor) {
            return new SynckitEndpoint(monitor);
        }
    }
}
