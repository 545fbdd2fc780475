package io.synckit.sample.orders;

import io.synckit.Filter;
import io.synckit.StoredEvent;
import io.synckit.subscription.EventSubscriptions;
import io.synckit.subscription.LiveOptions;
import io.synckit.subscription.LiveSubscription;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.beans.factory.DisposableBean;
import org.springframework.stereotype.Component;

/** Receives every order, whichever instance has stored it. Its log message has the trace id of the order. */
@Component
class Kitchen implements DisposableBean {

    private static final Logger log = LoggerFactory.getLogger(Kitchen.class);

    private final LiveSubscription orders;

    Kitchen(EventSubscriptions subscriptions) {
        this.orders =
                subscriptions.live(LiveOptions.named("kitchen").filter(Filter.types("OrderPlaced")), Kitchen::bake);
    }

    private static void bake(StoredEvent order) {
        log.info("order.received: order={} version={}", order.aggregateId(), order.version());
    }

    @Override
    public void destroy() {
        orders.close();
    }
}
