package io.synckit.postgres.boot.actuate;

import io.synckit.postgres.PostgresEventStore;
import io.synckit.postgres.RealtimeEventStore;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBooleanProperty;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnSingleCandidate;
import org.springframework.context.annotation.Bean;

/** What metrics, health and the endpoint ask. */
@AutoConfiguration(afterName = "io.synckit.postgres.boot.autoconfigure.SynckitPostgresAutoConfiguration")
@ConditionalOnBooleanProperty(name = "synckit.postgres.enabled", matchIfMissing = true)
final class SynckitPostgresMonitorAutoConfiguration {

    @Bean
    @ConditionalOnMissingBean
    @ConditionalOnSingleCandidate(RealtimeEventStore.class)
    StoreMonitor synckitRealtimeStoreMonitor(RealtimeEventStore store) {
        return new StoreMonitor(store);
    }

    @Bean
    @ConditionalOnMissingBean
    @ConditionalOnSingleCandidate(PostgresEventStore.class)
    StoreMonitor synckitStoreMonitor(PostgresEventStore store) {
        return new StoreMonitor(store);
    }
}
