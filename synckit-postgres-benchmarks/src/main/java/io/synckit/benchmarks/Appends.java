package io.synckit.benchmarks;

import io.synckit.benchmarks.contenders.Contender;
import io.synckit.benchmarks.contenders.Contender.Can;
import io.synckit.benchmarks.contenders.Contender.Following;
import io.synckit.benchmarks.contenders.Contenders;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** One event a call, by 1, 16 and 64 writers. A contender with live delivery has a subscriber in the same process. */
final class Appends {

    private static final int WARM_UP = 1;
    private static final long PATIENCE = 5_000_000_000L;
    private static final String OURS = "synckit, coalesced";
    private static final String BARE = "bare insert";
    private static final String SEED = "go-sync-kit's schema";
    private static final List<String> FEW = List.of(OURS, BARE, SEED);
    private static final List<String> ASYNC = List.of("synckit, storeAsync", "synckit, storeAsync, each awaited");
    private static final List<String> REAL_TIME_PEERS = List.of(
            "Axon",
            "Axon, tuned",
            "Essentials",
            "Essentials, tuned",
            "Spring Integration",
            "Spring Integration, tuned");

    private final List<Contender> all;
    private final Report report;
    private final Profile profile;

    Appends(List<Contender> all, Report report, Profile profile) {
        this.all = all;
        this.report = report;
        this.profile = profile;
    }

    void run() throws Exception {
        List<String> everybody = all.stream()
                .map(Contender::name)
                .filter(name -> !name.startsWith("bare") || name.equals(BARE))
                .filter(name -> !ASYNC.contains(name))
                .toList();
        Samples sixteen = measure(16, everybody, profile.warmUp());
        report.atLeast("append-16", sixteen.ratio(OURS, BARE), 0.9);
        report.atLeast("append-16-seed", sixteen.ratio(OURS, SEED), 4);
        report.atLeast("append-16-peers", sixteen.ratio(OURS, sixteen.best(REAL_TIME_PEERS::contains)), 3);
        Samples one = measure(1, FEW, 0);
        report.atLeast("append-1", one.ratio(OURS, BARE), 0.9);
        Samples many = measure(64, List.of(OURS, BARE, SEED, ASYNC.get(0), ASYNC.get(1)), profile.warmUp());
        report.atLeast("append-64", many.ratio(OURS, BARE), 0.9);
        report.atLeast("append-64-seed", many.ratio(OURS, SEED), 6);
        report.atLeast("group-commit", many.ratio(ASYNC.get(0), BARE), 5);
    }

    private Samples measure(int writers, List<String> names, int warmUp) throws Exception {
        List<Contender> contenders =
                all.stream().filter(each -> names.contains(each.name())).toList();
        Contenders.create(contenders);
        Samples samples = new Samples(
                "append-" + writers, "one event a call, " + writers + " writers, a live subscriber", "events/s");
        contenders.forEach(contender -> samples.addAll(contender.name(), List.of()));
        Map<String, long[]> wrong = new LinkedHashMap<>();
        for (Contender contender : warmUp > 0 ? contenders : List.<Contender>of()) {
            turn(contender, writers, warmUp, new long[2]);
        }
        Turns.take(profile.first(WARM_UP), profile.rounds(), contenders, (contender, counts) -> {
            double speed = turn(
                    contender, writers, profile.turn(), wrong.computeIfAbsent(contender.name(), name -> new long[2]));
            if (counts) {
                samples.add(contender.name(), speed);
            }
        });
        wrong.forEach((name, counts) -> {
            if (counts[0] + counts[1] > 0) {
                samples.remark(name, counts[0] + " late by 5 s or lost, " + counts[1] + " duplicates");
            }
        });
        contenders.forEach(Contender::close);
        report.table(samples);
        return samples;
    }

    private double turn(Contender contender, int writers, int millis, long[] wrong) throws Exception {
        if (!contender.can().contains(Can.FOLLOW)) {
            return Writers.store(contender, writers, millis).perSecond();
        }
        Deliveries deliveries = new Deliveries(Writers.next());
        Following following = contender.follow(deliveries);
        try (following) {
            Writers.Stored stored = Writers.store(contender, writers, millis);
            wrong[0] += deliveries.missing(stored.events(), PATIENCE);
            wrong[1] += deliveries.duplicates();
            return stored.perSecond();
        }
    }
}
