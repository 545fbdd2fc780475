package io.synckit.benchmarks.contenders;

import java.io.Serializable;

/**
 * The event that all contenders store. {@code n} identifies it, also after it was read from JSON.
 *
 * @param streamVersion its position within its aggregate, from 1
 */
public record Order(String aggregateId, long streamVersion, Data data) {

    public static Order of(String aggregateId, long streamVersion, long n) {
        return new Order(aggregateId, streamVersion, new Data(n, "coffee", "alice", 2));
    }

    long n() {
        return data.n;
    }

    /** For contenders that do not create ids: as long as a UUID, ascending. */
    String id() {
        return ID_PREFIX + String.valueOf(1_000_000_000_000L + data.n).substring(1);
    }

    static long n(String id) {
        return Long.parseLong(id.substring(ID_PREFIX.length()));
    }

    private static final String ID_PREFIX = "01a205f4-d630-7000-9fbb-";

    /** What is stored as JSON. */
    public record Data(long n, String item, String customer, int quantity) implements Serializable {}
}
