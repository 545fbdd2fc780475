package io.synckit.postgres.boot.actuate;

import io.synckit.postgres.RealtimeEventStore;
import io.synckit.postgres.boot.EventStoreComponents;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBooleanProperty;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnSingleCandidate;
import org.springframework.context.annotation.Bean;

/** The monitor that metrics, health and the endpoint query. */
@AutoConfiguration(afterName = "io.synckit.postgres.boot.autoconfigure.SynckitPostgresAutoConfiguration")
@ConditionalOnBooleanProperty(name = "synckit.postgres.enabled", matchIfMissing = true)
final class SynckitPostgresMonitorAutoConfiguration {

    @Bean
    @ConditionalOnMissingBean
    @ConditionalOnBean(EventStoreComponents.class)
    StoreMonitor synckitStoreMonitor(EventStoreComponents components) {
        return new StoreMonitor(components.store(), components.listener());
    }

    /** For a store that replaces the starter's. */
    @Bean
    @ConditionalOnMissingBean
    @ConditionalOnSingleCandidate(RealtimeEventStore.class)
    StoreMonitor synckitRealtimeStoreMonitor(RealtimeEventStore store) {
        return new StoreMonitor(store);
    }
}
