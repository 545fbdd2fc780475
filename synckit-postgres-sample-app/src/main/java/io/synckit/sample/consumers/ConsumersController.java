package io.synckit.sample.consumers;

import io.synckit.subscription.DurableStatus;
import io.synckit.subscription.DurableSubscription;
import io.synckit.subscription.EventSubscriptions;
import io.synckit.subscription.ParkedKey;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RestController;

/** Shows the durable subscriptions on the page, and operates them. */
@RestController
class ConsumersController {

    private static final int MAX_WAITING = 20;

    private final EventSubscriptions subscriptions;
    private final Sales sales;
    private final MailServer mail;

    ConsumersController(EventSubscriptions subscriptions, Sales sales, MailServer mail) {
        this.subscriptions = subscriptions;
        this.sales = sales;
        this.mail = mail;
    }

    record Consumers(
            List<Consumer> consumers, List<Sales.ItemSales> sales, int mailsSentHere, boolean mailServerFails) {}

    /** @param lag versions between the stored position and the end of the log */
    record Consumer(String name, @Nullable String owner, long lag, List<Waiting> waiting) {}

    record Waiting(String orderId, int attempts, boolean parked, String failure) {}

    @GetMapping("/consumers")
    Consumers show() {
        return new Consumers(
                subscriptions.durable().stream()
                        .map(ConsumersController::consumer)
                        .toList(),
                sales.all(),
                mail.sent(),
                mail.isFailing());
    }

    private static Consumer consumer(DurableSubscription subscription) {
        DurableStatus status = subscription.status();
        return new Consumer(
                status.name(),
                status.partitions().get(0).owner(),
                status.horizon().value() - status.position().value(),
                subscription.parked(MAX_WAITING).stream()
                        .map(ConsumersController::waiting)
                        .toList());
    }

    private static Waiting waiting(ParkedKey key) {
        return new Waiting(key.key(), key.attempts(), key.isParked(), key.failure());
    }

    /** {@code POST /mail-server/fail} or {@code /mail-server/work}, for this instance. */
    @PostMapping("/mail-server/{action}")
    Consumers operate(@PathVariable String action) {
        mail.fail(action.equals("fail"));
        return show();
    }

    /** Tries all orders of a consumer again. */
    @PostMapping("/consumers/{name}/requeue")
    Consumers requeue(@PathVariable String name) {
        subscriptions.durable().stream()
                .filter(subscription -> subscription.name().equals(name))
                .forEach(DurableSubscription::requeueAll);
        return show();
    }
}
