package io.synckit.postgres.boot.quickstart;

import io.synckit.Event;
import io.synckit.EventStore;
import io.synckit.Filter;
import io.synckit.subscription.EventSubscriptions;
import io.synckit.subscription.LiveOptions;
import io.synckit.subscription.LiveSubscription;
import org.springframework.boot.ApplicationRunner;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.context.annotation.Bean;

@SpringBootApplication
public class ShopApplication {

    record OrderPlaced(String customer, String item, int quantity) {}

    public static void main(String[] args) {
        SpringApplication.run(ShopApplication.class, args);
    }

    @Bean
    LiveSubscription printOrders(EventSubscriptions subscriptions) {
        return subscriptions.live(
                LiveOptions.named("print-orders").filter(Filter.types("OrderPlaced")),
                event -> System.out.println("received " + event.dataAs(OrderPlaced.class)));
    }

    @Bean
    ApplicationRunner placeOrder(EventStore events) {
        return args -> events.store(Event.of("order-1", new OrderPlaced("alice", "coffee", 2)));
    }
}
