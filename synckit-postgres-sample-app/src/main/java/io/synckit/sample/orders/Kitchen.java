package io.synckit.sample.orders;

import io.synckit.StoredEvent;
import io.synckit.postgres.RealtimeEventStore;
import io.synckit.postgres.notification.LiveOptions;
import io.synckit.postgres.notification.LiveSubscription;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.beans.factory.DisposableBean;
import org.springframework.stereotype.Component;

/** Hears of every order, whichever instance has taken it; its log line has the order's trace id. */
@Component
class Kitchen implements DisposableBean {

    private static final Logger log = LoggerFactory.getLogger(Kitchen.class);

    private final LiveSubscription orders;

    Kitchen(RealtimeEventStore events) {
        this.orders = events.subscribe(LiveOptions.eventType("OrderPlaced"), Kitchen::bake);
    }

    private static void bake(StoredEvent order) {
        log.info("order.heard: order={} version={}", order.aggregateId(), order.version());
    }

    @Override
    public void destroy() {
        orders.close();
    }
}
