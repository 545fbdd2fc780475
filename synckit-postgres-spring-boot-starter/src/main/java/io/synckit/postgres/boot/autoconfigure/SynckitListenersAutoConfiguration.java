package io.synckit.postgres.boot.autoconfigure;

import io.synckit.ConnectionSource;
import io.synckit.EventTypes;
import io.synckit.postgres.RealtimeEventStore;
import io.synckit.postgres.boot.SynckitListenerCustomizer;
import io.synckit.subscription.EventSubscriptions;
import java.util.Objects;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.beans.factory.config.ConfigurableListableBeanFactory;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBooleanProperty;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.autoconfigure.condition.SearchStrategy;
import org.springframework.context.ApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.core.env.Environment;

/** The methods with {@code @SynckitListener}, and the payload classes with {@code @EventType}. */
@AutoConfiguration(after = SynckitPostgresAutoConfiguration.class)
@ConditionalOnBooleanProperty(name = "synckit.postgres.enabled", matchIfMissing = true)
final class SynckitListenersAutoConfiguration {

    @Bean
    @ConditionalOnMissingBean
    EventTypes synckitEventTypes(ApplicationContext context, Environment environment) {
        return EventTypeScan.of(
                context.getAutowireCapableBeanFactory(), environment, Objects.requireNonNull(context.getClassLoader()));
    }

    /** Each context has its own, which finds the methods of its own beans. */
    @Bean
    @ConditionalOnMissingBean(search = SearchStrategy.CURRENT)
    SynckitListenerContainer synckitListenerContainer(
            ConfigurableListableBeanFactory beans,
            ObjectProvider<ConnectionSource> connections,
            ObjectProvider<RealtimeEventStore> stores,
            ObjectProvider<EventSubscriptions> subscriptions,
            ObjectProvider<SynckitListenerCustomizer> customizers,
            EventTypes types) {
        return new SynckitListenerContainer(
                new SynckitListenerMethods(
                        beans,
                        new ListenerDelivery(beans, connections, stores),
                        types,
                        () -> customizers.orderedStream().toList()),
                subscriptions);
    }
}
