package io.synckit.benchmarks;

import io.synckit.benchmarks.contenders.Contender;
import io.synckit.benchmarks.contenders.Contender.Can;
import io.synckit.benchmarks.contenders.Contender.Following;
import io.synckit.benchmarks.contenders.Contenders;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** Checks, before any measurement, that each contender reads the same events that it stores. Lost and duplicate deliveries are reported. */
final class Equality {

    private static final int WRITERS = 8;
    private static final int MILLIS = 250;
    private static final long PATIENCE = 15_000_000_000L;

    private Equality() {}

    /** @throws IllegalStateException if a contender reads other events than it stored; or if this library delivers others */
    static void check(List<Contender> contenders, Report report) throws Exception {
        Contenders.create(contenders);
        report.line(
                "%nequality: %d writers for a quarter of a second; what was read again, and delivered meanwhile",
                WRITERS);
        for (Contender contender : contenders) {
            check(contender, report);
        }
    }

    private static void check(Contender contender, Report report) throws Exception {
        long first = Writers.next();
        Deliveries deliveries = new Deliveries(first);
        long stored;
        String delivered = "delivers nothing";
        boolean right = true;
        Following following = contender.can().contains(Can.FOLLOW) ? contender.follow(deliveries) : () -> {};
        try (following) {
            stored = Writers.store(contender, WRITERS, MILLIS).events();
            if (contender.can().contains(Can.STORE_BATCH)) {
                contender.storeBatch(Writers.batch(100));
                stored += 100;
            }
            if (contender.can().contains(Can.FOLLOW)) {
                long missing = deliveries.missing(stored, PATIENCE);
                right = missing == 0 && deliveries.duplicates() == 0;
                delivered = "delivered, missing " + missing + ", duplicates " + deliveries.duplicates();
            }
        }
        report.line("  %-34s %6d stored, %s, %s", contender.name(), stored, read(contender, first, stored), delivered);
        if (!right && contender.name().startsWith("synckit")) {
            throw new IllegalStateException(contender.name() + ": " + delivered);
        }
    }

    private static String read(Contender contender, long first, long stored) throws Exception {
        if (!contender.can().contains(Can.READ_ALL)) {
            return "is not read again";
        }
        Set<Long> numbers = new HashSet<>();
        long[] count = new long[1];
        contender.readAll(n -> {
            if (n >= first) {
                count[0]++;
                numbers.add(n);
            }
        });
        if (count[0] != stored || numbers.size() != stored) {
            throw new IllegalStateException(contender.name() + " has stored " + stored + " events and reads " + count[0]
                    + ", of which " + numbers.size() + " are different");
        }
        return "read again";
    }
}
