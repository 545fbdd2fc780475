package io.synckit.test.page;

import static io.synckit.postgres.boot.SynckitListener.Start.BEGINNING;

import io.synckit.Event;
import io.synckit.EventStore;
import io.synckit.StoredEvent;
import io.synckit.postgres.boot.SynckitListener;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.jdbc.core.simple.JdbcClient;
import org.springframework.stereotype.Component;
import org.springframework.transaction.annotation.Transactional;

/** The application of {@link TestingPageTest}. */
@SpringBootApplication
class PageApplication {

    record OrderPlaced(String customer, String item, int quantity) {}

    interface Mails {
        void send(String to, String text, String idempotencyKey);
    }

    /** A mail server that can fail. */
    @Component
    static class FakeMail implements Mails {

        private volatile boolean fails;

        void fails(boolean failing) {
            fails = failing;
        }

        @Override
        public void send(String to, String text, String idempotencyKey) {
            if (fails) {
                throw new IllegalStateException("the mail server does not answer");
            }
        }
    }

    @Component
    static class Sales {

        private final JdbcClient jdbc;

        Sales(JdbcClient jdbc) {
            this.jdbc = jdbc;
            jdbc.sql("create table if not exists sales (item text primary key, sold integer)")
                    .update();
        }

        @Transactional
        @SynckitListener(subscription = "sales", startFrom = BEGINNING)
        public void on(OrderPlaced order) {
            jdbc.sql(
                            "insert into sales (item, sold) values (?, ?) on conflict (item) do update set sold = sales.sold + excluded.sold")
                    .params(order.item(), order.quantity())
                    .update();
        }
    }

    @Component
    static class Confirmations {

        private final Mails mail;

        Confirmations(Mails mail) {
            this.mail = mail;
        }

        @SynckitListener(subscription = "confirmations")
        public void on(OrderPlaced order, StoredEvent event) {
            mail.send(order.customer(), "We have received your order", event.id());
        }
    }

    @Component
    static class Shop {

        private final EventStore events;

        Shop(EventStore events) {
            this.events = events;
        }

        @Transactional
        public void place(String orderId, String customer, String item, int quantity) {
            events.store(Event.of(orderId, new OrderPlaced(customer, item, quantity)));
        }
    }
}
