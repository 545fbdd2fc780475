package io.synckit.sample.consumers;

import io.synckit.postgres.boot.SynckitListener;
import io.synckit.sample.orders.OrderPlaced;
import java.util.List;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.stereotype.Component;
import org.springframework.transaction.annotation.Transactional;

/** A read model: how many of each item were sold. Each order counts exactly once, also after a crash. */
@Component
class Sales {

    static final String SUBSCRIPTION = "sales";

    private final JdbcClient jdbc;

    Sales(JdbcClient jdbc) {
        this.jdbc = jdbc;
    }

    /** The update and the checkpoint commit together. */
    @Transactional
    @SynckitListener(subscription = SUBSCRIPTION, startFrom = SynckitListener.Start.BEGINNING)
    public void on(OrderPlaced order) {
        jdbc.sql("insert into sales (item, sold) values (?, ?)"
                        + " on conflict (item) do update set sold = sales.sold + excluded.sold")
                .params(order.item(), order.quantity())
                .update();
    }

    List<ItemSales> all() {
        return jdbc.sql("select item, sold from sales order by item")
                .query(ItemSales.class)
                .list();
    }

    record ItemSales(String item, int sold) {}
}
