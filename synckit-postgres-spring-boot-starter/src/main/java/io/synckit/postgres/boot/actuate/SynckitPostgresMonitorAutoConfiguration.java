package io.synckit.postgres.boot.actuate;

import io.synckit.postgres.PostgresEventStore;
import io.synckit.postgres.RealtimeEventStore;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.context.annotation.Bean;

/** What metrics, health and the endpoint ask. */
@AutoConfiguration(afterName = "io.synckit.postgres.boot.autoconfigure.SynckitPostgresAutoConfiguration")
final class SynckitPostgresMonitorAutoConfiguration {

    @Bean
    @ConditionalOnMissingBean
    @ConditionalOnBean(RealtimeEventStore.class)
    StoreMonitor synckitRealtimeStoreMonitor(RealtimeEventStore store) {
        return new StoreMonitor(store);
    }

    @Bean
    @ConditionalOnMissingBean
    @ConditionalOnBean(PostgresEventStore.class)
    StoreMonitor synckitStoreMonitor(PostgresEventStore store) {
        return new StoreMonitor(store);
    }
}
