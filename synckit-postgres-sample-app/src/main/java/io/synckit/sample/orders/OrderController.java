package io.synckit.sample.orders;

import io.synckit.AppendResult;
import jakarta.validation.Valid;
import jakarta.validation.constraints.Max;
import jakarta.validation.constraints.NotBlank;
import jakarta.validation.constraints.Positive;
import jakarta.validation.constraints.Size;
import java.net.URI;
import java.util.UUID;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RestController;

@RestController
class OrderController {

    private final Shop shop;
    private final OrderTable orders;

    OrderController(Shop shop, OrderTable orders) {
        this.shop = shop;
        this.orders = orders;
    }

    record NewOrder(
            @NotBlank @Size(max = 100) String customer,
            @NotBlank @Size(max = 100) String item,
            @Positive @Max(1000) int quantity) {}

    record PlacedOrder(String orderId, long version) {}

    @PostMapping("/orders")
    ResponseEntity<PlacedOrder> place(@Valid @RequestBody NewOrder order) {
        String orderId = UUID.randomUUID().toString();
        AppendResult placed = shop.place(new Order(orderId, order.customer(), order.item(), order.quantity()));
        return ResponseEntity.created(URI.create("/orders/" + orderId))
                .body(new PlacedOrder(orderId, placed.version().value()));
    }

    @GetMapping("/orders/{orderId}")
    ResponseEntity<Order> get(@PathVariable String orderId) {
        return ResponseEntity.of(orders.find(orderId));
    }
}
