package io.synckit.postgres.boot.autoconfigure.orders;

import jakarta.persistence.Entity;
import jakarta.persistence.Id;

/** A row of the application. */
@Entity(name = "orders")
public class Order {

    @Id
    private String id;

    private String item;

    public String getItem() {
        return item;
    }
}
