package io.synckit.sample.orders;

import io.synckit.AppendResult;
import io.synckit.Event;
import io.synckit.EventStore;
import org.springframework.stereotype.Service;
import org.springframework.transaction.annotation.Transactional;

/** Takes orders. */
@Service
class Shop {

    private final EventStore events;
    private final OrderTable orders;

    Shop(EventStore events, OrderTable orders) {
        this.events = events;
        this.orders = orders;
    }

    /** The row and the event are stored together, or neither is. */
    @Transactional
    AppendResult place(Order order) {
        AppendResult placed = events.store(Event.of(
                order.orderId(), "OrderPlaced", new OrderPlaced(order.customer(), order.item(), order.quantity())));
        orders.insert(order);
        if (!orders.takeFromStock(order.item(), order.quantity())) {
            throw new OutOfStockException(order.item(), order.quantity());
        }
        return placed;
    }
}
