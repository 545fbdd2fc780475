package io.synckit.sample.orders;

import java.util.Optional;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.stereotype.Repository;

/** The tables {@code orders} and {@code stock}. */
@Repository
class OrderTable {

    private final JdbcClient jdbc;

    OrderTable(JdbcClient jdbc) {
        this.jdbc = jdbc;
    }

    void insert(Order order) {
        jdbc.sql("insert into orders (order_id, customer, item, quantity) values (?, ?, ?, ?)")
                .params(order.orderId(), order.customer(), order.item(), order.quantity())
                .update();
    }

    /** Whether there was enough. */
    boolean takeFromStock(String item, int quantity) {
        return jdbc.sql("update stock set quantity = quantity - :quantity where item = :item and quantity >= :quantity")
                        .param("item", item)
                        .param("quantity", quantity)
                        .update()
                == 1;
    }

    Optional<Order> find(String orderId) {
        return jdbc.sql("select order_id, customer, item, quantity from orders where order_id = ?")
                .param(orderId)
                .query(Order.class)
                .optional();
    }
}
