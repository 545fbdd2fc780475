package io.synckit.sample.consumers;

import io.synckit.StoredEvent;
import io.synckit.postgres.boot.SynckitListener;
import io.synckit.sample.orders.OrderPlaced;
import org.springframework.stereotype.Component;

/** Sends a confirmation of each order, at least once. The event id lets the mail server recognise a repetition. */
@Component
class Confirmations {

    static final String SUBSCRIPTION = "confirmations";

    private final MailServer mail;

    Confirmations(MailServer mail) {
        this.mail = mail;
    }

    @SynckitListener(
            subscription = SUBSCRIPTION,
            startFrom = SynckitListener.Start.BEGINNING,
            maxRetries = 4,
            maxDelay = "5s")
    public void on(OrderPlaced order, StoredEvent event) {
        mail.send(order.customer(), "We have received your order of " + order.item(), event.id());
    }
}
