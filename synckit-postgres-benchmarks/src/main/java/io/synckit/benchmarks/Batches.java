package io.synckit.benchmarks;

import io.synckit.benchmarks.contenders.Contender;
import io.synckit.benchmarks.contenders.Contenders;
import java.util.List;

/** Measures batches of a thousand events. */
final class Batches {

    private static final int SIZE = 1000;
    private static final int WRITERS = 4;
    private static final int WARM_UP = 2;
    private static final String OURS = "synckit, coalesced";
    private static final List<String> NAMES = List.of(
            OURS, "bare insert", "bare COPY", "go-sync-kit's schema", "Axon", "Essentials", "Spring Integration");

    private Batches() {}

    static void measure(List<Contender> all, Report report, Profile profile) throws Exception {
        List<Contender> contenders =
                all.stream().filter(each -> NAMES.contains(each.name())).toList();
        Contenders.create(contenders);
        Samples samples = new Samples("batch", "batches of " + SIZE + ", " + WRITERS + " writers", "events/s");
        contenders.forEach(contender -> samples.addAll(contender.name(), List.of()));
        Turns.take(profile.first(WARM_UP), profile.rounds(), contenders, (contender, counts) -> {
            double speed = Writers.storeBatches(contender, WRITERS, SIZE, profile.turn())
                    .perSecond();
            if (counts) {
                samples.add(contender.name(), speed);
            }
        });
        contenders.forEach(Contender::close);
        report.table(samples);
        report.atLeast("batch", samples.ratio(OURS, samples.best(name -> name.startsWith("bare"))), 0.85);
    }
}
