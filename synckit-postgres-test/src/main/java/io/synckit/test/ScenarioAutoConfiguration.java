package io.synckit.test;

import io.synckit.EventStore;
import io.synckit.postgres.RealtimeEventStore;
import io.synckit.postgres.boot.AutoConfigureSynckit;
import io.synckit.subscription.EventSubscriptions;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Lazy;
import org.springframework.context.annotation.Scope;
import org.springframework.transaction.support.TransactionSynchronizationManager;

/** A scenario for each place that injects one. */
@AutoConfiguration
@ConditionalOnClass(AutoConfigureSynckit.class)
final class ScenarioAutoConfiguration {

    @Bean
    @Lazy
    @Scope("prototype")
    @ConditionalOnMissingBean
    EventStoreScenario eventStoreScenario(
            EventStore store, EventSubscriptions subscriptions, ObjectProvider<RealtimeEventStore> realtime) {
        // The injected store may be a decorator.
        RealtimeEventStore known = realtime.getIfUnique();
        return new EventStoreScenario(
                store,
                subscriptions,
                TransactionSynchronizationManager::isActualTransactionActive,
                EventStoreScenario.diagnoses(known == null ? store : known));
    }
}
