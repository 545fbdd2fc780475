package io.synckit.sample.orders;

/** A row of the table {@code orders}. */
public record Order(String orderId, String customer, String item, int quantity) {}
