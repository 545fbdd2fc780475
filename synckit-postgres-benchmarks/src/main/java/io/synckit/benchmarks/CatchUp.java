package io.synckit.benchmarks;

import io.synckit.benchmarks.contenders.Contender;
import io.synckit.benchmarks.contenders.Contenders;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** Measures how fast a consumer reads all events from the start, with their data. */
final class CatchUp {

    private static final int BATCH = 1000;
    private static final int MOST_ROUNDS = 7;
    private static final String OURS = "synckit, coalesced";
    private static final List<String> PEERS = List.of("Axon", "Axon, tuned", "Essentials", "Essentials, tuned");
    private static final List<String> OTHERS = List.of(OURS, "bare insert", "go-sync-kit's schema");

    private CatchUp() {}

    static void measure(List<Contender> all, Report report, Profile profile) throws Exception {
        List<Contender> contenders = all.stream()
                .filter(each -> OTHERS.contains(each.name()) || PEERS.contains(each.name()))
                .toList();
        Contenders.create(contenders);
        Set<String> filled = new HashSet<>();
        for (Contender contender : contenders) {
            if (filled.add(contender.table())) {
                for (int stored = 0; stored < profile.backlog(); stored += BATCH) {
                    contender.storeBatch(Writers.batch(BATCH));
                }
            }
        }
        Samples samples = new Samples("catch-up", profile.backlog() + " events from the start", "events/s");
        contenders.forEach(contender -> samples.addAll(contender.name(), List.of()));
        Turns.take(
                profile.first(1),
                Math.min((profile.rounds() + 1) / 2, MOST_ROUNDS),
                contenders,
                (contender, counts) -> {
                    long[] count = new long[1];
                    long start = System.nanoTime();
                    contender.readAll(n -> count[0]++);
                    double seconds = (System.nanoTime() - start) / 1e9;
                    if (count[0] != profile.backlog()) {
                        throw new IllegalStateException(
                                contender.name() + " reads " + count[0] + " of " + profile.backlog() + " events");
                    }
                    if (counts) {
                        samples.add(contender.name(), count[0] / seconds);
                    }
                });
        contenders.forEach(Contender::close);
        report.table(samples);
        report.atLeast("catch-up", samples.ratio(OURS, "bare insert"), 0.85);
        report.atLeast("catch-up-peers", samples.ratio(OURS, samples.best(PEERS::contains)), 1.5);
    }
}
