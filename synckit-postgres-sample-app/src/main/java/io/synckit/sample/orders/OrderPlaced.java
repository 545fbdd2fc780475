package io.synckit.sample.orders;

/** The event of a placed order. */
public record OrderPlaced(String customer, String item, int quantity) {}
