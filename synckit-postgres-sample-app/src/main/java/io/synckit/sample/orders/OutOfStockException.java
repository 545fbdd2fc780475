package io.synckit.sample.orders;

/** There is less in stock than was ordered. */
public class OutOfStockException extends RuntimeException {

    private static final long serialVersionUID = 1;

    OutOfStockException(String item, int quantity) {
        super("There are not " + quantity + " of '" + item + "' in stock");
    }
}
