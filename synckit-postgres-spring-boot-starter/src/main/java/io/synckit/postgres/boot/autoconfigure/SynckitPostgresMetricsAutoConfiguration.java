package io.synckit.postgres.boot.autoconfigure;

import io.micrometer.core.instrument.MeterRegistry;
import io.synckit.EventStore;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBooleanProperty;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.context.annotation.Bean;

/** Metrics of the store's operations, where Micrometer is and the application has a registry. */
@AutoConfiguration(
        before = SynckitPostgresAutoConfiguration.class,
        afterName = "org.springframework.boot.micrometer.metrics.autoconfigure.CompositeMeterRegistryAutoConfiguration")
@ConditionalOnClass(MeterRegistry.class)
@ConditionalOnBean(MeterRegistry.class)
@ConditionalOnMissingBean(EventStore.class)
@ConditionalOnBooleanProperty(name = "synckit.postgres.enabled", matchIfMissing = true)
final class SynckitPostgresMetricsAutoConfiguration {

    @Bean
    @ConditionalOnBooleanProperty(name = "synckit.postgres.enable-metrics", matchIfMissing = true)
    OperationMetrics synckitOperationMetrics(MeterRegistry registry) {
        return new OperationMetrics(registry);
    }
}
